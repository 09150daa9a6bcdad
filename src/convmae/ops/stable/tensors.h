#pragma once

#include "convmae/ops/cpu_features.h"
#include "convmae/ops/kernels/element.h"

#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <vector>

/// Our kernels behind PyTorch's stable ABI: one library for every torch from 2.11 on, without a C++
/// symbol of libtorch and without Python. It registers operators of the namespace `convmae`, for
/// the CPU alone; what they are to autograd and to tracing is written in python/convmae/native.py.
namespace convmae::stable {

using torch::stable::Tensor;
using Type = torch::headeronly::ScalarType;
using Sides = std::vector<std::int64_t>;

/// Throws std::runtime_error with the parts as text unless it holds.
template <typename... Parts>
void check(bool holds, const Parts&... parts) {
  if (holds) return;
  std::ostringstream text;
  ((text << parts), ...);
  throw std::runtime_error(text.str());
}

inline Sides sides_of(const Tensor& x) {
  const auto sizes = x.sizes();
  return {sizes.begin(), sizes.end()};
}

inline std::string shape_text(const Tensor& x) {
  std::string text = "[";
  for (const std::int64_t side : sides_of(x)) {
    text += (text.size() == 1 ? "" : ", ") + std::to_string(side);
  }
  return text + "]";
}

inline bool is_float(const Tensor& x) {
  const Type type = x.scalar_type();
  return type == Type::Float || type == Type::Double || type == Type::BFloat16;
}

/// Of x, which our kernels compute with.
inline Element element_of(const Tensor& x) {
  if (x.scalar_type() == Type::Double) return Element::f64;
  return x.scalar_type() == Type::BFloat16 ? Element::bf16 : Element::f32;
}

/// What sums over numbers of x are kept in.
inline Type accumulation_type(const Tensor& x) {
  return x.scalar_type() == Type::Double ? Type::Double : Type::Float;
}

/// Throws unless x lies in host memory and has a type of our kernels.
inline void check_numbers(const char* name, const Tensor& x) {
  check(x.is_cpu() && is_float(x), name,
        ": tensors on the CPU of float32, float64 or bfloat16 expected");
}

/// Throws unless x has that shape, whatever its type.
inline void check_shape(const char* name, const char* what, const Tensor& x, const Sides& sides) {
  check_numbers(name, x);
  if (sides_of(x) == sides) return;
  std::ostringstream wanted;
  for (const std::int64_t side : sides) wanted << (wanted.tellp() > 0 ? ", " : "") << side;
  check(false, name, ": ", what, " must be [", wanted.str(), "], found ", shape_text(x));
}

/// Throws unless x has shape and type of `like`.
inline void check_like(const char* name, const char* what, const Tensor& x, const Tensor& like) {
  check_shape(name, what, x, sides_of(like));
  check(x.scalar_type() == like.scalar_type(), name, ": ", what, " is of another type");
}

inline Tensor empty(const Sides& sides, Type type) {
  return torch::stable::empty({sides.data(), sides.size()}, type);
}

inline Tensor zeros(const Sides& sides, Type type) {
  Tensor x = empty(sides, type);
  return torch::stable::zero_(x);
}

inline Tensor empty_as(const Tensor& x) { return empty(sides_of(x), x.scalar_type()); }

/// Contiguous, in that type.
inline Tensor in_type(const Tensor& x, Type type) {
  return torch::stable::contiguous(x.scalar_type() == type ? x : torch::stable::to(x, type));
}

/// The sum over the first dimension.
inline Tensor sum_first(const Tensor& x) {
  const std::int64_t first = 0;
  return torch::stable::sum(x, torch::headeronly::IntHeaderOnlyArrayRef(&first, 1));
}

inline const std::byte* bytes_of(const Tensor& x) {
  return static_cast<const std::byte*>(x.const_data_ptr());
}

inline std::byte* mutable_bytes_of(const Tensor& x) {
  return static_cast<std::byte*>(x.mutable_data_ptr());
}

inline std::int64_t size_of(const Tensor& x) { return static_cast<std::int64_t>(x.element_size()); }

/// Rows are worked on in so many parts, whose sums are added in their order: the number of threads
/// changes no bit.
constexpr std::int64_t kParts = 16;

/// Calls work(first row, number of rows, part) for every part that has rows.
template <typename Work>
void for_each_part(std::int64_t rows, const Work& work) {
  const std::int64_t size = (rows + kParts - 1) / kParts;
  torch::stable::parallel_for(0, kParts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      const std::int64_t first = part * size;
      const std::int64_t count = std::min(size, rows - first);
      if (count > 0) work(first, count, part);
    }
  });
}

}  // namespace convmae::stable
