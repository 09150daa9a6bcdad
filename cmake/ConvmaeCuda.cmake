# Decides what becomes of .cu sources: CONVMAE_COMPILES_CUDA, whether they are compiled, and
# CONVMAE_HAS_CUDA, whether they are part of the program.
#
# AUTO: with a CUDA build of torch and an nvcc that works they are compiled and linked; with nvcc alone
# they are compiled, so that their errors show where no GPU is; else they are left out. ON insists on both.

set(CONVMAE_COMPILES_CUDA OFF)
set(CONVMAE_HAS_CUDA OFF)
if(NOT CONVMAE_CUDA STREQUAL "OFF")
  # CMake's own choice is older than what the kernels are written for.
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES "80-real;90" CACHE STRING "GPUs to compile for: A100 and H100, and newer")
  endif()
  # In the environment, so that an nvcc that does not know them is found out here.
  set(ENV{CUDAARCHS} "${CMAKE_CUDA_ARCHITECTURES}")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(CONVMAE_COMPILES_CUDA ON)
    enable_language(CUDA)
    set(CMAKE_CUDA_STANDARD 17) # the newest that CMake 3.25 knows for nvcc
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    set(CMAKE_CUDA_EXTENSIONS OFF)
  endif()
  if(TorchWheel_CUDA AND CMAKE_CUDA_COMPILER)
    set(CONVMAE_HAS_CUDA ON)
    find_package(CUDAToolkit REQUIRED)
  elseif(CONVMAE_CUDA STREQUAL "ON")
    message(FATAL_ERROR "CONVMAE_CUDA=ON needs a CUDA build of torch (found: "
                        "'${TorchWheel_CUDA}') and nvcc (found: '${CMAKE_CUDA_COMPILER}'); "
                        "install both or configure with CONVMAE_CUDA=AUTO")
  endif()
endif()
if(CONVMAE_HAS_CUDA)
  message(STATUS "CUDA kernels: in the program, for ${CMAKE_CUDA_ARCHITECTURES}")
elseif(CONVMAE_COMPILES_CUDA)
  message(STATUS "CUDA kernels: compiled only (this torch is for CPUs), for ${CMAKE_CUDA_ARCHITECTURES}")
else()
  message(STATUS "CUDA kernels: left out")
endif()

# convmae_cuda_sources(TARGET SOURCES file... CALLERS file...): the objects TARGET_cuda, and the C++ sources that
# start their kernels for operators, linked into TARGET where torch has CUDA
#
# The sources include no torch header, which nvcc takes 18 s for, so they need nothing that TARGET is compiled with.
# The callers do, and no header of CUDA: they are compiled everywhere.
function(convmae_cuda_sources target)
  cmake_parse_arguments(arg "" "" "SOURCES;CALLERS" ${ARGN})
  if(NOT CONVMAE_HAS_CUDA)
    add_library(${target}_cuda_callers OBJECT ${arg_CALLERS})
    target_link_libraries(${target}_cuda_callers PRIVATE convmae_options)
    convmae_use_torch(${target}_cuda_callers PRIVATE)
  endif()
  if(NOT CONVMAE_COMPILES_CUDA)
    return()
  endif()
  add_library(${target}_cuda OBJECT ${arg_SOURCES})
  target_include_directories(${target}_cuda PRIVATE "${PROJECT_SOURCE_DIR}/src")
  set_target_properties(${target}_cuda PROPERTIES POSITION_INDEPENDENT_CODE ON)
  # A register that is spilled to memory costs more than any loop here: the kernel is to be cut smaller.
  target_compile_options(
    ${target}_cuda
    PRIVATE -Xcompiler=-Wall,-Wextra -Xptxas=-warn-spills
            "$<$<BOOL:${CONVMAE_WERROR}>:SHELL:-Werror all-warnings -Xcompiler=-Werror>")
  if(CONVMAE_HAS_CUDA)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_cuda> ${arg_CALLERS})
    target_compile_definitions(${target} PRIVATE CONVMAE_HAS_CUDA)
    target_link_libraries(${target} PRIVATE CUDA::cudart_static)
  endif()
endfunction()
