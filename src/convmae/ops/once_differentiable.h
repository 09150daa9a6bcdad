#pragma once

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

namespace convmae::ops {

/// For the beginning of a backward pass that autograd cannot follow: throws c10::Error if that
/// records the pass (create_graph), since what would come of it looks like a second derivative and
/// is none.
inline void refuse_second_derivative(const char* operation) {
  TORCH_CHECK_NOT_IMPLEMENTED(!at::GradMode::is_enabled(), operation,
                              ": second derivatives are not implemented; differentiate without "
                              "create_graph");
}

}  // namespace convmae::ops
