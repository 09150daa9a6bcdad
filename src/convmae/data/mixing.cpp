#include "convmae/data/mixing.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

namespace convmae {
namespace {

std::int64_t values_per_sample(const BatchView& batch) {
  return batch.channels * batch.size.height * batch.size.width;
}

}  // namespace

void mixup(const BatchView& batch, double lambda) {
  const auto own = static_cast<float>(lambda);
  const auto others = static_cast<float>(1.0 - lambda);
  const std::int64_t values = values_per_sample(batch);
  // A sample and its partner mix with each other: both are done at once. The middle one of an odd
  // batch is its own partner.
  for (std::int64_t i = 0; 2 * i < batch.count; ++i) {
    float* a = batch.pixels + i * values;
    float* b = batch.pixels + mixing_partner(i, batch.count) * values;
    for (std::int64_t v = 0; v < values; ++v) {
      const float first = a[v];
      const float second = b[v];
      a[v] = first * own + second * others;
      b[v] = second * own + first * others;
    }
  }
}

Box cutmix_box(Size image, double lambda, std::int64_t centre_y, std::int64_t centre_x) {
  const double share = std::sqrt(1.0 - lambda);
  const auto cut = [share](std::int64_t side, std::int64_t centre) {
    const auto length = static_cast<std::int64_t>(static_cast<double>(side) * share);
    const std::int64_t begin = std::clamp<std::int64_t>(centre - length / 2, 0, side);
    const std::int64_t end = std::clamp<std::int64_t>(centre + length / 2, 0, side);
    return std::pair(begin, end - begin);
  };
  const auto [top, height] = cut(image.height, centre_y);
  const auto [left, width] = cut(image.width, centre_x);
  return {top, left, height, width};
}

double cutmix_lambda(Size image, const Box& box) {
  return 1.0 - static_cast<double>(box.height * box.width) /
                   static_cast<double>(image.height * image.width);
}

void cutmix(const BatchView& batch, const Box& box) {
  const std::int64_t values = values_per_sample(batch);
  const Size size = batch.size;
  for (std::int64_t i = 0; 2 * i + 1 < batch.count; ++i) {
    float* a = batch.pixels + i * values;
    float* b = batch.pixels + mixing_partner(i, batch.count) * values;
    for (std::int64_t c = 0; c < batch.channels; ++c) {
      for (std::int64_t y = box.top; y < box.top + box.height; ++y) {
        const std::int64_t row = (c * size.height + y) * size.width + box.left;
        std::swap_ranges(a + row, a + row + box.width, b + row);
      }
    }
  }
}

std::vector<float> mixed_targets(std::span<const std::int64_t> labels, std::int64_t num_classes,
                                 double lambda, double smoothing) {
  const double off = smoothing / static_cast<double>(num_classes);
  const auto off_value = static_cast<float>(off);
  const auto on_value = static_cast<float>(1.0 - smoothing + off);
  const auto own = static_cast<float>(lambda);
  const auto others = static_cast<float>(1.0 - lambda);
  const auto count = std::ssize(labels);
  std::vector<float> targets;
  targets.reserve(static_cast<std::size_t>(count * num_classes));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t label = labels[static_cast<std::size_t>(i)];
    const std::int64_t partner = labels[static_cast<std::size_t>(mixing_partner(i, count))];
    assert(label >= 0 && label < num_classes);
    for (std::int64_t k = 0; k < num_classes; ++k) {
      const float mine = k == label ? on_value : off_value;
      const float theirs = k == partner ? on_value : off_value;
      targets.push_back(mine * own + theirs * others);
    }
  }
  return targets;
}

}  // namespace convmae
