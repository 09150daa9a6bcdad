#include "convmae/data/augment/augment.h"
#include "convmae/data/decode/decoders.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <numeric>

namespace convmae::augment_detail {
namespace {

using Histogram = std::array<std::int64_t, 256>;

Histogram histogram_of(const Image& image, std::int64_t channel) {
  Histogram histogram{};
  const auto values = image.values<std::uint8_t>();
  for (auto i = static_cast<std::size_t>(channel); i < values.size(); i += 3) {
    ++histogram[values[i]];
  }
  return histogram;
}

void apply_to_channel(const Table& table, std::int64_t channel, Image& image) {
  const auto values = image.values<std::uint8_t>();
  for (auto i = static_cast<std::size_t>(channel); i < values.size(); i += 3) {
    values[i] = table[values[i]];
  }
}

Table identity() {
  Table table;
  std::iota(table.begin(), table.end(), std::uint8_t{0});
  return table;
}

Table stretching_table(const Histogram& histogram) {
  const auto used = [](std::int64_t count) { return count > 0; };
  const auto low = std::find_if(histogram.begin(), histogram.end(), used) - histogram.begin();
  const auto high =
      255 - (std::find_if(histogram.rbegin(), histogram.rend(), used) - histogram.rbegin());
  Table table = identity();
  if (high <= low) return table;
  const double scale = 255.0 / static_cast<double>(high - low);
  const double offset = static_cast<double>(-low) * scale;
  for (std::size_t value = 0; value < table.size(); ++value) {
    const int stretched = static_cast<int>(static_cast<double>(value) * scale + offset);
    table[value] = static_cast<std::uint8_t>(std::clamp(stretched, 0, 255));
  }
  return table;
}

Table equalizing_table(const Histogram& histogram) {
  const auto last = std::find_if(histogram.rbegin(), histogram.rend(),
                                 [](std::int64_t count) { return count > 0; });
  const std::int64_t pixels = std::accumulate(histogram.begin(), histogram.end(), std::int64_t{0});
  const std::int64_t step = (pixels - *last) / 255;
  Table table = identity();
  if (step == 0) return table;
  std::int64_t sum = step / 2;
  for (std::size_t value = 0; value < table.size(); ++value) {
    table[value] = static_cast<std::uint8_t>(std::min<std::int64_t>(sum / step, 255));
    sum += histogram[value];
  }
  return table;
}

/// Pillow's blend: from `degenerate` (factor 0) through `value` (1) and beyond, cut off, not
/// rounded.
std::uint8_t blend(int degenerate, int value, float factor) {
  const float mixed =
      static_cast<float>(degenerate) + factor * static_cast<float>(value - degenerate);
  return static_cast<std::uint8_t>(std::clamp(mixed, 0.0F, 255.0F));
}

Table blending_table(int degenerate, float factor) {
  Table table;
  for (std::size_t value = 0; value < table.size(); ++value) {
    table[value] = blend(degenerate, static_cast<int>(value), factor);
  }
  return table;
}

}  // namespace

void auto_contrast(Image& image) {
  for (std::int64_t c = 0; c < 3; ++c) {
    apply_to_channel(stretching_table(histogram_of(image, c)), c, image);
  }
}

void equalize(Image& image) {
  for (std::int64_t c = 0; c < 3; ++c) {
    apply_to_channel(equalizing_table(histogram_of(image, c)), c, image);
  }
}

void apply_table(const Table& table, Image& image) {
  for (std::uint8_t& value : image.values<std::uint8_t>()) value = table[value];
}

void change_colour(float factor, Image& image) {
  const auto values = image.values<std::uint8_t>();
  for (std::size_t i = 0; i < values.size(); i += 3) {
    const int grey = decoders::grey_of(values[i], values[i + 1], values[i + 2]);
    for (std::size_t c = i; c < i + 3; ++c) values[c] = blend(grey, values[c], factor);
  }
}

void change_contrast(float factor, Image& image) {
  const auto values = image.values<std::uint8_t>();
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < values.size(); i += 3) {
    sum += decoders::grey_of(values[i], values[i + 1], values[i + 2]);
  }
  const std::int64_t pixels = std::ssize(values) / 3;
  const std::int64_t rounded_mean = (2 * sum + pixels) / (2 * pixels);
  apply_table(blending_table(static_cast<int>(rounded_mean), factor), image);
}

void change_brightness(float factor, Image& image) {
  apply_table(blending_table(0, factor), image);
}

void change_sharpness(float factor, Image& image, Image& scratch) {
  // Smoothing with (1 1 1, 1 5 1, 1 1 1) / 13, rounded (never half-way: 13 is odd); pixels at the
  // border are not smoothed, so blending leaves them as they are.
  scratch.resize(image.size(), 3);
  std::copy_n(image.row<std::uint8_t>(0), image.num_values(), scratch.row<std::uint8_t>(0));
  for (std::int64_t y = 1; y + 1 < image.height(); ++y) {
    const std::uint8_t* above = scratch.row<std::uint8_t>(y - 1);
    const std::uint8_t* here = scratch.row<std::uint8_t>(y);
    const std::uint8_t* below = scratch.row<std::uint8_t>(y + 1);
    auto* const out = image.row<std::uint8_t>(y);
    for (std::int64_t i = 3; i < (image.width() - 1) * 3; ++i) {
      const int sum = above[i - 3] + above[i] + above[i + 3] + here[i - 3] + 5 * here[i] +
                      here[i + 3] + below[i - 3] + below[i] + below[i + 3];
      out[i] = blend((2 * sum + 13) / 26, here[i], factor);
    }
  }
}

}  // namespace convmae::augment_detail
