# How this project makes its targets: the same warnings, sanitizers and include root everywhere.

add_library(convmae_options INTERFACE)
target_compile_features(convmae_options INTERFACE cxx_std_20)
target_include_directories(convmae_options INTERFACE "${PROJECT_SOURCE_DIR}/src")
target_compile_options(
  convmae_options
  INTERFACE
    # on executables too: code that shares a precompiled header must be compiled alike
    -fPIC
    $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wno-sign-conversion;$<$<BOOL:${CONVMAE_WERROR}>:-Werror>>
    # a*b+c must round twice: equality of IoU values and golden pixels depends on it
    $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)
if(CONVMAE_SANITIZE)
  # Assertions are for the builds that look for faults: ours, and libstdc++'s of indices and iterators.
  # GCC sees uninitialised values in what the sanitizers add to libtorch's headers.
  target_compile_options(
    convmae_options INTERFACE -fsanitize=${CONVMAE_SANITIZE} -fno-sanitize-recover=all
                              -fno-omit-frame-pointer -UNDEBUG
                              $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_compile_definitions(convmae_options INTERFACE _GLIBCXX_ASSERTIONS)
  if(CONVMAE_SANITIZE MATCHES thread)
    # Fences in libtorch's headers, which this sanitizer does not follow.
    target_compile_options(convmae_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
  target_link_options(convmae_options INTERFACE -fsanitize=${CONVMAE_SANITIZE})
endif()

if(CONVMAE_PCH)
  # lets ccache look through a header that GCC has precompiled
  target_compile_options(convmae_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  add_library(convmae_torch_pch OBJECT "${CMAKE_CURRENT_LIST_DIR}/torch_pch.cpp")
  target_link_libraries(convmae_torch_pch PRIVATE convmae_options TorchWheel::torch)
  target_precompile_headers(convmae_torch_pch PRIVATE "${CMAKE_CURRENT_LIST_DIR}/torch_pch.h")
endif()

# Links torch and shares its precompiled headers. A source with compile options of its own (an
# instruction set, say) cannot share them: set its property SKIP_PRECOMPILE_HEADERS.
# Half of the time that such a source takes goes to libtorch's templates, once for all sources that are
# compiled together: names in their unnamed namespaces must differ.
function(convmae_use_torch target visibility)
  target_link_libraries(${target} ${visibility} TorchWheel::torch)
  if(CONVMAE_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 5)
  endif()
  if(CONVMAE_PCH)
    target_precompile_headers(${target} REUSE_FROM convmae_torch_pch)
  endif()
endfunction()

# DT_RPATH, not RUNPATH, so that a stray LD_LIBRARY_PATH cannot put another libtorch in its place.
function(convmae_find_torch_at_runtime target)
  target_link_options(${target} PRIVATE LINKER:--disable-new-dtags)
  set_target_properties(${target} PROPERTIES BUILD_RPATH "${TorchWheel_LIB_DIR}"
                                             INSTALL_RPATH "${TorchWheel_LIB_DIR}")
endfunction()

# convmae_library(NAME [SHARED] [TORCH] SOURCES file... [LIBS target...])
# TORCH: the sources include torch headers.
function(convmae_library name)
  cmake_parse_arguments(arg "SHARED;TORCH" "" "SOURCES;LIBS" ${ARGN})
  set(kind STATIC)
  if(arg_SHARED)
    set(kind SHARED)
  endif()
  add_library(${name} ${kind} ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC convmae_options ${arg_LIBS})
  if(arg_TORCH)
    convmae_use_torch(${name} PUBLIC)
  endif()
  if(arg_SHARED)
    convmae_find_torch_at_runtime(${name})
  endif()
endfunction()

# convmae_executable(NAME [TORCH] SOURCES file... [LIBS target...])
function(convmae_executable name)
  cmake_parse_arguments(arg "TORCH" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE convmae_options ${arg_LIBS})
  if(arg_TORCH)
    convmae_use_torch(${name} PRIVATE)
  endif()
  convmae_find_torch_at_runtime(${name})
endfunction()

# convmae_test(NAME [TORCH] SOURCES file... [LIBS target...]): the executable test_NAME, run by ctest as NAME
function(convmae_test name)
  cmake_parse_arguments(arg "TORCH" "" "SOURCES;LIBS" ${ARGN})
  set(torch)
  if(arg_TORCH)
    set(torch TORCH)
  endif()
  convmae_executable(test_${name} ${torch} SOURCES ${arg_SOURCES} LIBS ${arg_LIBS}
                     GTest::gtest_main GTest::gmock)
  target_compile_definitions(test_${name} PRIVATE CONVMAE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_include_directories(test_${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_options(test_${name} PRIVATE $<$<CONFIG:Release>:-O1>) # compiles faster
  add_test(NAME ${name} COMMAND test_${name})
  # Threads that spin between the many small steps of a test cost ten times the work itself.
  set_tests_properties(${name} PROPERTIES ENVIRONMENT GOMP_SPINCOUNT=1000)
endfunction()
