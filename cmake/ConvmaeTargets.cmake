# How this project makes its targets: the same warnings, sanitizers and include root everywhere.

add_library(convmae_options INTERFACE)
target_compile_features(convmae_options INTERFACE cxx_std_20)
target_include_directories(convmae_options INTERFACE "${PROJECT_SOURCE_DIR}/src")
target_compile_options(
  convmae_options
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror
            # a*b+c must round twice: equality of IoU values and golden pixels depends on it
            -ffp-contract=off)
if(CONVMAE_SANITIZE)
  target_compile_options(convmae_options INTERFACE -fsanitize=${CONVMAE_SANITIZE}
                                                   -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(convmae_options INTERFACE -fsanitize=${CONVMAE_SANITIZE})
endif()

# convmae_library(NAME [SHARED] SOURCES file... [LIBS target...])
function(convmae_library name)
  cmake_parse_arguments(arg "SHARED" "" "SOURCES;LIBS" ${ARGN})
  set(kind STATIC)
  if(arg_SHARED)
    set(kind SHARED)
  endif()
  add_library(${name} ${kind} ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC convmae_options ${arg_LIBS})
endfunction()

# DT_RPATH, not RUNPATH, so that a stray LD_LIBRARY_PATH cannot put another libtorch in its place.
function(convmae_find_torch_at_runtime target)
  target_link_options(${target} PRIVATE LINKER:--disable-new-dtags)
  set_target_properties(${target} PROPERTIES BUILD_RPATH "${TorchWheel_LIB_DIR}"
                                             INSTALL_RPATH "${TorchWheel_LIB_DIR}")
endfunction()

# convmae_executable(NAME SOURCES file... [LIBS target...])
function(convmae_executable name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE convmae_options ${arg_LIBS})
  convmae_find_torch_at_runtime(${name})
endfunction()

# convmae_test(NAME SOURCES file... [LIBS target...]): the executable test_NAME, run by ctest as NAME
function(convmae_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  convmae_executable(test_${name} SOURCES ${arg_SOURCES} LIBS ${arg_LIBS} GTest::gtest_main
                     GTest::gmock)
  target_compile_definitions(test_${name} PRIVATE CONVMAE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND test_${name})
endfunction()
