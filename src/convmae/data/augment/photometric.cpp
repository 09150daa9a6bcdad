#include "convmae/data/augment/photometric.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace convmae {
namespace {

using augment_detail::Table;
using Hsv = std::array<std::uint8_t, 3>;

constexpr int kHues = 180;
constexpr float kFull = 255;

/// What the channels of a colour of a sixth of the circle have.
enum Level : std::size_t { kMost, kLeast, kFalling, kRising };
using Levels = std::array<std::uint8_t, 4>;
constexpr std::array<std::array<Level, 3>, 6> kSectors{{{kMost, kRising, kLeast},
                                                        {kFalling, kMost, kLeast},
                                                        {kLeast, kMost, kRising},
                                                        {kLeast, kFalling, kMost},
                                                        {kRising, kLeast, kMost},
                                                        {kMost, kLeast, kFalling}}};

constexpr int kShift = 12;
constexpr int kRounding = 1 << (kShift - 1);

/// In multiples of 2^-12: `whole` / (`parts` * i).
std::array<int, 256> quotients(int whole, int parts) {
  std::array<int, 256> table{};
  for (int i = 1; i < 256; ++i) {
    table[static_cast<std::size_t>(i)] =
        static_cast<int>(std::nearbyint((whole << kShift) / (1.0 * parts * i)));
  }
  return table;
}

Table levels(float factor, float offset) {
  Table table;
  for (std::size_t value = 0; value < table.size(); ++value) {
    const float changed = static_cast<float>(value) * factor + offset;
    table[value] = static_cast<std::uint8_t>(std::clamp(changed, 0.0F, 255.0F));
  }
  return table;
}

template <typename Change>
void change_hsv(Image& image, const Change& change) {
  // OpenCV converts so many pixels of a row at once; those that are left over it rounds.
  constexpr std::int64_t kAtOnce = 32;
  const std::int64_t left_over = image.width() - image.width() % kAtOnce;
  for (std::int64_t y = 0; y < image.height(); ++y) {
    auto* pixel = image.row<std::uint8_t>(y);
    for (std::int64_t x = 0; x < image.width(); ++x, pixel += 3) {
      Hsv hsv = hsv_of({pixel[0], pixel[1], pixel[2]});
      change(hsv);
      std::ranges::copy(rgb_of_hsv(hsv, x < left_over ? ToLevel::cut_off : ToLevel::round), pixel);
    }
  }
}

}  // namespace

Hsv hsv_of(const Rgb& colour) {
  static const std::array<int, 256> saturations = quotients(255, 1);
  static const std::array<int, 256> hues = quotients(kHues, 6);
  const int r = colour[0];
  const int g = colour[1];
  const int b = colour[2];
  const int value = std::max({r, g, b});
  const int range = value - std::min({r, g, b});
  int hue = r - g + 4 * range;
  if (value == r) {
    hue = g - b;
  } else if (value == g) {
    hue = b - r + 2 * range;
  }
  hue = (hue * hues[static_cast<std::size_t>(range)] + kRounding) >> kShift;
  if (hue < 0) hue += kHues;
  const int saturation =
      (range * saturations[static_cast<std::size_t>(value)] + kRounding) >> kShift;
  return {static_cast<std::uint8_t>(hue), static_cast<std::uint8_t>(saturation),
          static_cast<std::uint8_t>(value)};
}

Rgb rgb_of_hsv(const Hsv& hsv, ToLevel to_level) {
  const float turn = static_cast<float>(hsv[0]) * (6.0F / kHues);
  const float saturation = static_cast<float>(hsv[1]) * (1 / kFull);
  const float value = static_cast<float>(hsv[2]) * (1 / kFull);
  const auto sector = static_cast<int>(turn);
  const float share = turn - static_cast<float>(sector);
  // Parts may be beyond 0 and 1 by their rounding, levels cannot.
  const auto level = [to_level](float part) {
    const float exact = part * kFull;
    return static_cast<std::uint8_t>(
        static_cast<int>(to_level == ToLevel::round ? std::nearbyint(exact) : exact));
  };
  // One product is not rounded before it is subtracted, as OpenCV compiled for FMA has it.
  const double fallen = 1 - static_cast<double>(saturation) * static_cast<double>(share);
  const Levels levels{level(value), level(value * (1 - saturation)),
                      level(value * static_cast<float>(fallen)),
                      level(value * (1 - saturation * (1 - share)))};
  const auto& [red, green, blue] = kSectors[static_cast<std::size_t>(sector % 6)];
  return {levels[red], levels[green], levels[blue]};
}

void scale_levels(float factor, float offset, Image& image) {
  augment_detail::apply_table(levels(factor, offset), image);
}

void scale_saturation(float factor, Image& image) {
  const Table table = levels(factor, 0);
  change_hsv(image, [&table](Hsv& hsv) { hsv[1] = table[hsv[1]]; });
}

void turn_hue(int steps, Image& image) {
  const int forward = (steps % kHues + kHues) % kHues;
  change_hsv(image, [forward](Hsv& hsv) {
    hsv[0] = static_cast<std::uint8_t>((hsv[0] + forward) % kHues);
  });
}

void distort(Image& image, const GeometryDraws& draws) {
  constexpr double kBrightness = 32;
  constexpr double kLeast = 0.5;
  constexpr double kMost = 1.5;
  constexpr std::size_t kHue = 18;
  assert(image.type() == PixelType::uint8 && image.channels() == 3);
  const auto coin = [&draws] { return draws.choose(2) == 1; };
  const auto factor = [&draws] { return static_cast<float>(draws.uniform(kLeast, kMost)); };
  const auto contrast = [&] {
    if (coin()) scale_levels(factor(), 0, image);
  };
  if (coin()) {
    scale_levels(1, static_cast<float>(draws.uniform(-kBrightness, kBrightness)), image);
  }
  const bool contrast_first = coin();
  if (contrast_first) contrast();
  if (coin()) scale_saturation(factor(), image);
  if (coin()) turn_hue(static_cast<int>(draws.choose(2 * kHue)) - static_cast<int>(kHue), image);
  if (!contrast_first) contrast();
}

}  // namespace convmae
