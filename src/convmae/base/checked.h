#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>

namespace convmae {

/// a * b, or nothing if the product does not fit. For numbers that come from a file.
inline std::optional<std::int64_t> checked_multiply(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

/// The product, or nothing if it does not fit, nor one on the way to it.
inline std::optional<std::int64_t> checked_product(std::initializer_list<std::int64_t> factors) {
  std::int64_t product = 1;
  for (const std::int64_t factor : factors) {
    const std::optional<std::int64_t> next = checked_multiply(product, factor);
    if (!next) return std::nullopt;
    product = *next;
  }
  return product;
}

/// a + b, or nothing if the sum does not fit.
inline std::optional<std::int64_t> checked_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

/// The number of elements of a shape, or nothing if a dimension is negative or the product of the
/// dimensions other than zero does not fit: strides are computed from those even where the tensor
/// is empty.
inline std::optional<std::int64_t> checked_numel(std::span<const std::int64_t> shape) {
  std::int64_t product = 1;
  bool empty = false;
  for (const std::int64_t dimension : shape) {
    if (dimension < 0) return std::nullopt;
    if (dimension == 0) {
      empty = true;
      continue;
    }
    const std::optional<std::int64_t> next = checked_multiply(product, dimension);
    if (!next) return std::nullopt;
    product = *next;
  }
  return empty ? 0 : product;
}

}  // namespace convmae
