#pragma once

#include "convmae/ops/kernels/cuda/error_text.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdint>

namespace convmae::ops {

/// Calls start(stream), which starts a kernel of kernels/cuda and gives CUDA's error code, on the
/// device of x and its current stream. Throws c10::Error for a code; what goes wrong in the kernel
/// itself shows later, as with all of a GPU's work.
template <typename Start>
void start_on_device_of(const at::Tensor& x, const char* operation, const Start& start) {
  const c10::DeviceGuard guard(x.device());
  const int code = start(at::accelerator::getCurrentStream(x.device().index()).native_handle());
  TORCH_CHECK(code == 0, operation, ": no kernel was started: ", cuda_kernel::error_text(code));
}

/// How many parts the sum over so many rows is computed in: enough for every processor of a GPU to
/// have some, whichever it is, so that a sum is the same bits on all.
inline std::int64_t parts_of(std::int64_t rows, std::int64_t least_rows) {
  constexpr std::int64_t kMost = 512;
  return std::clamp<std::int64_t>(rows / least_rows, 1, kMost);
}

}  // namespace convmae::ops
