#pragma once

#include "convmae/coco/results.h"

#include <cstdint>
#include <span>
#include <vector>

namespace convmae::coco {

/// Indices ordered by a small whole number, stably, in time in proportion to their number; and
/// where each value begins, with the end.
struct Buckets {
  std::vector<std::uint32_t> order;
  std::vector<std::size_t> begins;
};

template <typename KeyOf>
Buckets sort_into_buckets(std::span<const std::uint32_t> indices, std::size_t values,
                          KeyOf key_of) {
  Buckets buckets;
  buckets.begins.assign(values + 1, 0);
  for (const std::uint32_t i : indices) ++buckets.begins[key_of(i) + 1];
  for (std::size_t value = 0; value < values; ++value) {
    buckets.begins[value + 1] += buckets.begins[value];
  }
  std::vector<std::size_t> next(buckets.begins.begin(), buckets.begins.end() - 1);
  buckets.order.resize(indices.size());
  for (const std::uint32_t i : indices) buckets.order[next[key_of(i)]++] = i;
  return buckets;
}

/// 0, 1, ..., count - 1.
std::vector<std::uint32_t> first_indices(std::size_t count);

/// `indices` by descending score, stably.
std::vector<std::uint32_t> by_score(std::span<const std::uint32_t> indices,
                                    const std::vector<Detection>& detections);

}  // namespace convmae::coco
