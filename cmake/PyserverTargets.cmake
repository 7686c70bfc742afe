# How every target of the core is built: one static library a folder; what it links is what it may include.

set(PYSERVER_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-align)

function(pyserver_compile_options target)
  target_compile_options(${target} PRIVATE ${PYSERVER_WARNINGS})
  if(PYSERVER_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${PYSERVER_SANITIZE} -fno-omit-frame-pointer -g -O1)
    target_link_options(${target} PUBLIC -fsanitize=${PYSERVER_SANITIZE})
  endif()
  if(PYSERVER_BUILD_FUZZERS)
    # Counts which branches an input reaches; only a fuzzer's own program brings a main().
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# pyserver_library(NAME SOURCES a.cc … DEPENDS pyserver_base …)
function(pyserver_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(pyserver_${name} STATIC ${ARG_SOURCES})
  target_include_directories(pyserver_${name} PUBLIC ${CMAKE_SOURCE_DIR}/csrc)
  target_link_libraries(pyserver_${name} PUBLIC ${ARG_DEPENDS})
  pyserver_compile_options(pyserver_${name})
endfunction()
