# FindTorchWheel: the imported target TorchWheel::torch, for the libtorch inside an installed PyTorch wheel.
#
# find_package(Torch) is not used: with a CUDA wheel it insists on nvcc, on FindCUDA and on
# enable_language(CUDA), and it puts directories such as /lib/intel64 into every RPATH.
#
# Input:  TORCH_WHEEL_DIR (.../site-packages/torch), else the torch that Python3_EXECUTABLE would import.
# Output: TorchWheel_VERSION, TorchWheel_CUDA (toolkit version or empty), TorchWheel_LIB_DIR, TorchWheel::torch

if(NOT TORCH_WHEEL_DIR)
  find_package(Python3 COMPONENTS Interpreter QUIET)
  if(Python3_EXECUTABLE)
    # find_spec() does not import torch: 30 ms instead of 2 s.
    execute_process(
      COMMAND "${Python3_EXECUTABLE}" -c
              "import importlib.util as u, os; s = u.find_spec('torch'); print(os.path.dirname(s.origin) if s else '')"
      OUTPUT_VARIABLE _torch_dir
      OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    set(TORCH_WHEEL_DIR "${_torch_dir}" CACHE PATH "site-packages/torch of the PyTorch wheel" FORCE)
  endif()
endif()

if(EXISTS "${TORCH_WHEEL_DIR}/version.py")
  file(STRINGS "${TORCH_WHEEL_DIR}/version.py" _version REGEX "^__version__ *=")
  string(REGEX REPLACE ".*'([0-9.]+)[^']*'.*" "\\1" TorchWheel_VERSION "${_version}")
  file(STRINGS "${TORCH_WHEEL_DIR}/version.py" _cuda REGEX "^cuda:.*'")
  string(REGEX MATCH "[0-9]+\\.[0-9]+" TorchWheel_CUDA "${_cuda}")
  set(TorchWheel_LIB_DIR "${TORCH_WHEEL_DIR}/lib")
  file(STRINGS "${TORCH_WHEEL_DIR}/share/cmake/Torch/TorchConfig.cmake" _old_abi
       REGEX "_GLIBCXX_USE_CXX11_ABI=0")
  if(_old_abi)
    message(FATAL_ERROR "torch ${TorchWheel_VERSION} uses the pre-C++11 std::string ABI; "
                        "install torch 2.11 or newer")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  TorchWheel
  REQUIRED_VARS TORCH_WHEEL_DIR TorchWheel_LIB_DIR
  VERSION_VAR TorchWheel_VERSION)

if(TorchWheel_FOUND AND NOT TARGET TorchWheel::torch)
  add_library(TorchWheel::torch INTERFACE IMPORTED)
  set(_libs "${TorchWheel_LIB_DIR}/libtorch_cpu.so" "${TorchWheel_LIB_DIR}/libc10.so")
  # libtorch_cuda registers the CUDA kernels: it must stay NEEDED though no symbol of it is used.
  if(EXISTS "${TorchWheel_LIB_DIR}/libtorch_cuda.so")
    list(APPEND _libs "${TorchWheel_LIB_DIR}/libtorch_cuda.so" "${TorchWheel_LIB_DIR}/libc10_cuda.so")
  endif()
  # at::parallel_for is compiled into its caller, and is a plain loop there without OpenMP: it must be
  # the OpenMP that libtorch itself runs on, or there would be two pools of threads. That is GCC's:
  # what clang compiles, such as the fuzz targets, has the loops.
  file(GLOB _openmp "${TorchWheel_LIB_DIR}/libgomp*.so*")
  list(APPEND _libs ${_openmp})
  string(REPLACE ";" "," _wl "${_libs}")
  set_target_properties(
    TorchWheel::torch
    PROPERTIES
      INTERFACE_INCLUDE_DIRECTORIES
      "${TORCH_WHEEL_DIR}/include;${TORCH_WHEEL_DIR}/include/torch/csrc/api/include"
      INTERFACE_LINK_LIBRARIES
      "-Wl,--push-state,--no-as-needed,${_wl},--pop-state;-Wl,--allow-shlib-undefined"
      INTERFACE_COMPILE_OPTIONS "$<$<AND:$<BOOL:${_openmp}>,$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-fopenmp>"
      INTERFACE_COMPILE_FEATURES cxx_std_20)
endif()
