# NVRTC_OF_WHEEL: the library of PyPI's nvidia-cuda-nvrtc, which compiles kernels where there is no GPU; empty where it
# is not installed. For tests only: a server finds its own.
execute_process(
  COMMAND ${Python_EXECUTABLE} -c
          "import nvidia, pathlib; print(next(str(l) for f in nvidia.__path__ for l in sorted(pathlib.Path(f).glob('*/lib/libnvrtc.so.1?'), reverse=True)))"
  OUTPUT_VARIABLE NVRTC_OF_WHEEL
  OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET)
