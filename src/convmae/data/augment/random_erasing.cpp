#include "convmae/data/augment/random_erasing.h"

#include "convmae/base/random.h"

#include <array>
#include <cmath>
#include <numbers>
#include <span>

namespace convmae {
namespace {

std::optional<Box> draw_box(const RandomErasing& policy, Size size, CounterRandom& random) {
  constexpr int kAttempts = 10;
  if (random.uniform_double() >= policy.probability) return std::nullopt;
  const double area = static_cast<double>(size.height) * static_cast<double>(size.width);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const double target = area * random.uniform(policy.min_area, policy.max_area);
    const double ratio =
        std::exp(random.uniform(std::log(policy.min_ratio), std::log(policy.max_ratio)));
    const auto height = static_cast<std::int64_t>(std::nearbyint(std::sqrt(target * ratio)));
    const auto width = static_cast<std::int64_t>(std::nearbyint(std::sqrt(target / ratio)));
    if (height < 1 || height >= size.height || width < 1 || width >= size.width) continue;
    const auto top = random.below(static_cast<std::uint64_t>(size.height - height + 1));
    const auto left = random.below(static_cast<std::uint64_t>(size.width - width + 1));
    return Box{static_cast<std::int64_t>(top), static_cast<std::int64_t>(left), height, width};
  }
  return std::nullopt;
}

/// Normal draws by Box-Muller with radius and angle out of 4096 steps each: a rectangle takes
/// thousands, and logarithms and cosines for them would cost as much as decoding the image.
class NoiseTables {
 public:
  static const NoiseTables& instance() {
    static const NoiseTables tables;
    return tables;
  }

  void fill(CounterRandom& random, std::span<float> out) const {
    std::size_t i = 0;
    for (; i + 1 < out.size(); i += 2) {
      const std::uint32_t draw = random.bits();
      const float radius = radius_[draw & (kSteps - 1)];
      const std::size_t angle = (draw >> kBits) & (kSteps - 1);
      out[i] = radius * cosine_[angle];
      out[i + 1] = radius * cosine_[angle + kSteps / 4];
    }
    if (i < out.size()) {
      const std::uint32_t draw = random.bits();
      out[i] = radius_[draw & (kSteps - 1)] * cosine_[(draw >> kBits) & (kSteps - 1)];
    }
  }

 private:
  static constexpr std::size_t kBits = 12;
  static constexpr std::size_t kSteps = std::size_t{1} << kBits;

  NoiseTables() {
    constexpr auto kCount = static_cast<double>(kSteps);
    for (std::size_t i = 0; i < kSteps; ++i) {
      const double share = (static_cast<double>(i) + 0.5) / kCount;
      radius_[i] = static_cast<float>(std::sqrt(-2.0 * std::log(share)));
    }
    for (std::size_t i = 0; i < cosine_.size(); ++i) {
      const double turn = (static_cast<double>(i) + 0.5) / kCount;
      cosine_[i] = static_cast<float>(std::cos(2.0 * std::numbers::pi * turn));
    }
  }

  std::array<float, kSteps> radius_{};
  std::array<float, kSteps + kSteps / 4> cosine_{};  // a quarter more: the sine is the cosine there
};

}  // namespace

std::optional<Box> random_erasing_box(const RandomErasing& policy, Size size, const DrawKey& key) {
  CounterRandom random(key.seed, key.epoch, key.index, Purpose::erasing);
  return draw_box(policy, size, random);
}

void random_erase(const RandomErasing& policy, const DrawKey& key, std::int64_t channels, Size size,
                  float* planes) {
  CounterRandom random(key.seed, key.epoch, key.index, Purpose::erasing);
  const std::optional<Box> box = draw_box(policy, size, random);
  if (!box) return;
  const NoiseTables& tables = NoiseTables::instance();
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t y = box->top; y < box->top + box->height; ++y) {
      float* row = planes + (c * size.height + y) * size.width + box->left;
      tables.fill(random, {row, static_cast<std::size_t>(box->width)});
    }
  }
}

}  // namespace convmae
