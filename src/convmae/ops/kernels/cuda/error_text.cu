#include "convmae/ops/kernels/cuda/error_text.h"

#include <cuda_runtime.h>

namespace convmae::cuda_kernel {

const char* error_text(int code) { return cudaGetErrorString(static_cast<cudaError_t>(code)); }

}  // namespace convmae::cuda_kernel
