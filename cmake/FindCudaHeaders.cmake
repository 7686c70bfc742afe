# CUDA_HEADERS: the folder of cuda.h. First the PyPI wheel nvidia-cuda-runtime, which requirements/dev.txt and the
# wheel's own build pin, then a CUDA toolkit of the machine. Only the header is used: nothing of CUDA is linked.
execute_process(
  COMMAND ${Python_EXECUTABLE} -c
          "import nvidia, pathlib; print(next(str(h.parent) for f in nvidia.__path__ for h in sorted(pathlib.Path(f).glob('*/include/cuda.h'), reverse=True)))"
  OUTPUT_VARIABLE CUDA_WHEEL_HEADERS
  OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET)
find_path(CUDA_HEADERS cuda.h PATHS ${CUDA_WHEEL_HEADERS} NO_DEFAULT_PATH)
find_path(CUDA_HEADERS cuda.h
          HINTS ENV CUDA_HOME ENV CUDA_PATH
          PATHS /usr/local/cuda
          PATH_SUFFIXES include)
if(NOT CUDA_HEADERS)
  message(FATAL_ERROR "There is no cuda.h: install the Python package 'nvidia-cuda-runtime' for ${Python_EXECUTABLE}, "
                      "or a CUDA toolkit (and set CUDA_HOME to its folder).")
endif()
file(STRINGS ${CUDA_HEADERS}/cuda.h CUDA_HEADERS_VERSION REGEX "^#define CUDA_VERSION +[0-9]+")
string(REGEX REPLACE ".* ([0-9]+).*" "\\1" CUDA_HEADERS_VERSION "${CUDA_HEADERS_VERSION}")
if(CUDA_HEADERS_VERSION LESS 12020)
  message(FATAL_ERROR "${CUDA_HEADERS}/cuda.h is of CUDA ${CUDA_HEADERS_VERSION}; 12020 (12.2) or newer is needed.")
endif()
