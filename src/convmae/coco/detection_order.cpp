#include "convmae/coco/detection_order.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

namespace convmae::coco {
namespace {

/// A number that is larger the smaller the score is; equal for 0 and -0.
std::uint64_t descending_key(double score) {
  constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63U;
  const auto bits = std::bit_cast<std::uint64_t>(score + 0.0);
  const std::uint64_t ascending = (bits & kSignBit) != 0 ? ~bits : bits | kSignBit;
  return ~ascending;
}

}  // namespace

std::vector<std::uint32_t> first_indices(std::size_t count) {
  std::vector<std::uint32_t> indices(count);
  std::iota(indices.begin(), indices.end(), 0U);
  return indices;
}

std::vector<std::uint32_t> by_score(std::span<const std::uint32_t> indices,
                                    const std::vector<Detection>& detections) {
  // A radix sort: comparing takes a third of the whole evaluation.
  constexpr unsigned kDigitBits = 11;
  constexpr std::uint64_t kDigits = 1U << kDigitBits;
  struct Item {
    std::uint64_t key;
    std::uint32_t index;
  };
  std::vector<Item> items;
  items.reserve(indices.size());
  for (const std::uint32_t i : indices) items.push_back({descending_key(detections[i].score), i});
  std::vector<Item> sorted(items.size());
  for (unsigned shift = 0; shift < 64; shift += kDigitBits) {
    const auto digit = [shift](const Item& item) { return item.key >> shift & (kDigits - 1); };
    std::array<std::uint32_t, kDigits> next{};
    for (const Item& item : items) ++next[digit(item)];
    if (std::ranges::find(next, items.size()) != next.end()) continue;  // all alike
    std::exclusive_scan(next.begin(), next.end(), next.begin(), 0U);
    for (const Item& item : items) sorted[next[digit(item)]++] = item;
    std::swap(items, sorted);
  }
  std::vector<std::uint32_t> order;
  order.reserve(items.size());
  for (const Item& item : items) order.push_back(item.index);
  return order;
}

}  // namespace convmae::coco
