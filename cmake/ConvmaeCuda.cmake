# Decides CONVMAE_HAS_CUDA: whether .cu sources take part in the build.
#
# AUTO compiles them when the torch found is a CUDA build and an nvcc is there; ON insists on both.

set(CONVMAE_HAS_CUDA OFF)
if(NOT CONVMAE_CUDA STREQUAL "OFF")
  if(TorchWheel_CUDA)
    include(CheckLanguage)
    check_language(CUDA)
  endif()
  if(TorchWheel_CUDA AND CMAKE_CUDA_COMPILER)
    set(CONVMAE_HAS_CUDA ON)
    enable_language(CUDA)
    set(CMAKE_CUDA_STANDARD 20)
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  elseif(CONVMAE_CUDA STREQUAL "ON")
    message(FATAL_ERROR "CONVMAE_CUDA=ON needs a CUDA build of torch (found: "
                        "'${TorchWheel_CUDA}') and nvcc (found: '${CMAKE_CUDA_COMPILER}'); "
                        "install both or configure with CONVMAE_CUDA=AUTO")
  endif()
endif()
message(STATUS "CUDA kernels: ${CONVMAE_HAS_CUDA}")
