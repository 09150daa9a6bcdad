#pragma once

namespace convmae::cuda_kernel {

/// What CUDA calls an error code that starting a kernel gave.
const char* error_text(int code);

}  // namespace convmae::cuda_kernel
