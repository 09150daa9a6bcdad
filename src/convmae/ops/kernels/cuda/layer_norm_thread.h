#pragma once

#include "convmae/ops/kernels/cuda/number.h"
#include "convmae/ops/kernels/cuda/warp.h"
#include "convmae/ops/kernels/layer_norm.h"

#include <cmath>
#include <cstdint>

/// What a warp or a thread does in the kernels of layer_norm.h. A row is read once from memory and
/// then from the cache: it is not kept in registers, which would set a limit to its length.
namespace convmae::layer_norm_cuda {

using cuda_kernel::AccOf;
using cuda_kernel::kWarp;
using cuda_kernel::Number;
using cuda_kernel::Warp;
using layer_norm_kernel::Backward;
using layer_norm_kernel::Forward;

/// One row, by a warp.
template <typename T>
CONVMAE_HOST_DEVICE inline void forward_row(const Warp& warp, const Forward& p, std::int64_t row) {
  using Acc = AccOf<T>;
  const T* const x = static_cast<const T*>(p.x) + row * p.dim;
  const Acc sum = warp.sum([&](int lane) {
    Acc part = 0;
    for (std::int64_t i = lane; i < p.dim; i += kWarp) part += Number<T>::load(x + i);
    return part;
  });
  const Acc mean = sum / static_cast<Acc>(p.dim);
  const Acc squares = warp.sum([&](int lane) {
    Acc part = 0;
    for (std::int64_t i = lane; i < p.dim; i += kWarp) {
      const Acc centred = Number<T>::load(x + i) - mean;
      part += centred * centred;
    }
    return part;
  });
  const Acc inverse_deviation =
      Acc{1} / std::sqrt(squares / static_cast<Acc>(p.dim) + static_cast<Acc>(p.eps));
  warp.each([&](int lane) {
    const auto* const weight = static_cast<const Acc*>(p.weight);
    const auto* const bias = static_cast<const Acc*>(p.bias);
    T* const y = static_cast<T*>(p.y) + row * p.dim;
    for (std::int64_t i = lane; i < p.dim; i += kWarp) {
      const Acc normal = (Number<T>::load(x + i) - mean) * inverse_deviation;
      Number<T>::store(y + i, normal * weight[i] + bias[i]);
    }
    if (lane == 0) {
      static_cast<Acc*>(p.mean)[row] = mean;
      static_cast<Acc*>(p.inverse_deviation)[row] = inverse_deviation;
    }
  });
}

/// The gradient of one row, by a warp. With g = grad_y * weight and n the normalised row:
///   grad_x = inverse_deviation * (g - mean(g) - n * mean(g * n))
template <typename T>
CONVMAE_HOST_DEVICE inline void input_gradient_row(const Warp& warp, const Backward& p,
                                                   std::int64_t row) {
  using Acc = AccOf<T>;
  const T* const x = static_cast<const T*>(p.x) + row * p.dim;
  const T* const grad_y = static_cast<const T*>(p.grad_y) + row * p.dim;
  const auto* const weight = static_cast<const Acc*>(p.weight);
  const Acc mean = static_cast<const Acc*>(p.mean)[row];
  const Acc inverse_deviation = static_cast<const Acc*>(p.inverse_deviation)[row];
  const auto normal_at = [&](std::int64_t i) {
    return (Number<T>::load(x + i) - mean) * inverse_deviation;
  };
  const auto grad_at = [&](std::int64_t i) { return Number<T>::load(grad_y + i) * weight[i]; };
  const Acc sum = warp.sum([&](int lane) {
    Acc part = 0;
    for (std::int64_t i = lane; i < p.dim; i += kWarp) part += grad_at(i);
    return part;
  });
  const Acc products = warp.sum([&](int lane) {
    Acc part = 0;
    for (std::int64_t i = lane; i < p.dim; i += kWarp) part += grad_at(i) * normal_at(i);
    return part;
  });
  const Acc mean_grad = sum / static_cast<Acc>(p.dim);
  const Acc mean_product = products / static_cast<Acc>(p.dim);
  warp.each([&](int lane) {
    T* const grad_x = static_cast<T*>(p.grad_x) + row * p.dim;
    for (std::int64_t i = lane; i < p.dim; i += kWarp) {
      const Acc normal = normal_at(i);
      Number<T>::store(grad_x + i,
                       (grad_at(i) - mean_grad - normal * mean_product) * inverse_deviation);
      if (p.y == nullptr) continue;
      Number<T>::store(static_cast<T*>(p.y) + row * p.dim + i,
                       normal * weight[i] + static_cast<const Acc*>(p.bias)[i]);
    }
  });
}

/// The sums of one column over the rows of a part, by a thread; its neighbours have the columns
/// beside it.
template <typename T>
CONVMAE_HOST_DEVICE inline void parameter_gradients_thread(const Backward& p, AccOf<T>* sums,
                                                           std::int64_t part,
                                                           std::int64_t rows_of_part,
                                                           std::int64_t column) {
  using Acc = AccOf<T>;
  const std::int64_t first = part * rows_of_part;
  const std::int64_t end = cuda_kernel::end_of_part(first, rows_of_part, p.rows);
  Acc weight = 0;
  Acc bias = 0;
  for (std::int64_t row = first; row < end; ++row) {
    const std::int64_t at = row * p.dim + column;
    const Acc grad = Number<T>::load(static_cast<const T*>(p.grad_y) + at);
    const Acc centred =
        Number<T>::load(static_cast<const T*>(p.x) + at) - static_cast<const Acc*>(p.mean)[row];
    weight += grad * centred * static_cast<const Acc*>(p.inverse_deviation)[row];
    bias += grad;
  }
  sums[part * 2 * p.dim + column] = weight;
  sums[(part * 2 + 1) * p.dim + column] = bias;
}

}  // namespace convmae::layer_norm_cuda
