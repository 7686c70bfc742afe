# OpenVINO from its PyPI wheel: headers, libraries and a CMake package lie inside the installed Python package.
execute_process(
  COMMAND ${Python_EXECUTABLE} -c
          "import importlib.util as u, pathlib; print(pathlib.Path(u.find_spec('openvino').origin).parent)"
  OUTPUT_VARIABLE OPENVINO_PACKAGE
  OUTPUT_STRIP_TRAILING_WHITESPACE
  RESULT_VARIABLE OPENVINO_PACKAGE_MISSING
  ERROR_QUIET)
if(OPENVINO_PACKAGE_MISSING)
  message(FATAL_ERROR "The Python package 'openvino' is not installed for ${Python_EXECUTABLE}.")
endif()
find_package(OpenVINO REQUIRED COMPONENTS Runtime PATHS ${OPENVINO_PACKAGE}/cmake NO_DEFAULT_PATH)
