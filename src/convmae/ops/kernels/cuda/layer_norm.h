#pragma once

#include "convmae/ops/kernels/element.h"
#include "convmae/ops/kernels/layer_norm.h"

#include <cstdint>

/// ops::layer_norm on a GPU. Pointers of a problem are to memory of the device; all functions
/// return CUDA's error code, 0 for none.
namespace convmae::layer_norm_cuda {

int forward(Element element, const layer_norm_kernel::Forward& problem, void* stream);

/// grad_x and, if it is not null, y; grad_weight and grad_bias are left alone.
int input_gradient(Element element, const layer_norm_kernel::Backward& problem, void* stream);

/// grad_weight and grad_bias by parts of the rows, sums [parts, 2, dim] in the accumulation type:
/// added up in the order of the parts they are the same bits in every run. Those of the problem are
/// left alone.
int parameter_gradients(Element element, const layer_norm_kernel::Backward& problem, void* sums,
                        std::int64_t parts, void* stream);

}  // namespace convmae::layer_norm_cuda
