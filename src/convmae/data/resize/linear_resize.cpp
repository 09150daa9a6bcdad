#include "convmae/data/resize/linear_resize.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <type_traits>

namespace convmae {
namespace {

/// OpenCV's ratio of two sides: twice a quotient, whose rounding is part of the result.
double ratio_of(std::int64_t from, std::int64_t to) {
  return 1.0 / (static_cast<double>(to) / static_cast<double>(from));
}

/// The two pixels that one of the result lies between.
struct Pair {
  std::int64_t first = 0;
  std::int64_t second = 0;
  float share = 0;  ///< of the second
};

enum class Side { column, row };

/// Those of the result's pixels from `begin` on. At the edges a column takes one pixel whole, a row
/// takes the same one twice by two shares, which round for themselves.
std::vector<Pair> pairs_of(std::int64_t from, std::int64_t to, std::int64_t begin,
                           std::int64_t count, Side side) {
  const double ratio = ratio_of(from, to);
  std::vector<Pair> pairs(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto place = static_cast<float>((static_cast<double>(begin + i) + 0.5) * ratio - 0.5);
    const float below = std::floor(place);
    const auto first = static_cast<std::int64_t>(below);
    Pair& pair = pairs[static_cast<std::size_t>(i)];
    pair = {std::clamp<std::int64_t>(first, 0, from - 1),
            std::clamp<std::int64_t>(first + 1, 0, from - 1), place - below};
    if (side == Side::column && (first < 0 || first >= from - 1)) pair.share = 0;
  }
  return pairs;
}

/// How values of a type are weighed: `Sum` is what a row becomes on its way.
struct LevelSums {
  using Value = std::uint8_t;
  using Sum = std::int32_t;
  static Sum weight(float share) {
    constexpr float kOne = 2048;  // 11 bits
    return static_cast<Sum>(std::nearbyint(share * kOne));
  }
  static Value result(Sum upper, Sum lower, Sum upper_weight, Sum lower_weight) {
    const Sum sum =
        ((upper_weight * (upper >> 4)) >> 16) + ((lower_weight * (lower >> 4)) >> 16) + 2;
    return static_cast<Value>(sum >> 2);
  }
  static Value mean(const Value* upper, const Value* lower, std::int64_t next) {
    return static_cast<Value>((upper[0] + upper[next] + lower[0] + lower[next] + 2) >> 2);
  }
};

struct FloatSums {
  using Value = float;
  using Sum = float;
  static Sum weight(float share) { return share; }
  static Value result(Sum upper, Sum lower, Sum upper_weight, Sum lower_weight) {
    return upper * upper_weight + lower * lower_weight;
  }
  static Value mean(const Value* upper, const Value* lower, std::int64_t next) {
    return (upper[0] + upper[next] + lower[0] + lower[next]) * 0.25F;
  }
};

/// What a value of a row is made of.
template <typename Sum>
struct Taps {
  std::int64_t first = 0;
  std::int64_t second = 0;
  Sum first_weight{};
  Sum second_weight{};
};

template <typename Kind>
std::vector<Taps<typename Kind::Sum>> taps_of(const std::vector<Pair>& columns,
                                              std::int64_t channels) {
  std::vector<Taps<typename Kind::Sum>> taps;
  taps.reserve(columns.size() * static_cast<std::size_t>(channels));
  for (const Pair& pair : columns) {
    for (std::int64_t c = 0; c < channels; ++c) {
      taps.push_back({pair.first * channels + c, pair.second * channels + c,
                      Kind::weight(1 - pair.share), Kind::weight(pair.share)});
    }
  }
  return taps;
}

/// Resized rows of the source, the last two of which are kept.
template <typename Kind>
class KeptRows {
 public:
  KeptRows(const Image& in, std::vector<Taps<typename Kind::Sum>> taps)
      : in_(in), taps_(std::move(taps)) {}

  /// Valid while one more row is asked for.
  const typename Kind::Sum* row(std::int64_t y) {
    for (const Kept& kept : kept_) {
      if (kept.y == y) return kept.sums.data();
    }
    oldest_ = 1 - oldest_;
    Kept& kept = kept_[oldest_];
    kept.y = y;
    kept.sums.resize(taps_.size());
    const auto* const from = in_.row<typename Kind::Value>(y);
    for (std::size_t i = 0; i < taps_.size(); ++i) {
      const auto& tap = taps_[i];
      kept.sums[i] = from[tap.first] * tap.first_weight + from[tap.second] * tap.second_weight;
    }
    return kept.sums.data();
  }

 private:
  struct Kept {
    std::int64_t y = -1;
    std::vector<typename Kind::Sum> sums;
  };

  const Image& in_;
  std::vector<Taps<typename Kind::Sum>> taps_;
  Kept kept_[2];
  std::size_t oldest_ = 0;
};

template <typename Kind>
void halve(const Image& in, const Box& window, Image& out) {
  const std::int64_t channels = in.channels();
  for (std::int64_t y = 0; y < window.height; ++y) {
    const auto* upper = in.row<typename Kind::Value>(2 * (window.top + y));
    const auto* lower = in.row<typename Kind::Value>(2 * (window.top + y) + 1);
    auto* to = out.row<typename Kind::Value>(y);
    for (std::int64_t x = 0; x < window.width; ++x) {
      const std::int64_t place = 2 * (window.left + x) * channels;
      for (std::int64_t c = 0; c < channels; ++c) {
        *to++ = Kind::mean(upper + place + c, lower + place + c, channels);
      }
    }
  }
}

template <typename Kind>
void resize_as(const Image& in, Size size, const Box& window, Image& out) {
  if (in.height() == 2 * size.height && in.width() == 2 * size.width) {
    return halve<Kind>(in, window, out);
  }
  const std::vector<Pair> rows =
      pairs_of(in.height(), size.height, window.top, window.height, Side::row);
  KeptRows<Kind> resized(
      in, taps_of<Kind>(pairs_of(in.width(), size.width, window.left, window.width, Side::column),
                        in.channels()));
  const std::int64_t values = window.width * in.channels();
  for (std::int64_t y = 0; y < window.height; ++y) {
    const Pair& pair = rows[static_cast<std::size_t>(y)];
    const auto* const upper = resized.row(pair.first);
    const auto* const lower = resized.row(pair.second);
    const auto upper_weight = Kind::weight(1 - pair.share);
    const auto lower_weight = Kind::weight(pair.share);
    auto* const to = out.row<typename Kind::Value>(y);
    for (std::int64_t i = 0; i < values; ++i) {
      to[i] = Kind::result(upper[i], lower[i], upper_weight, lower_weight);
    }
  }
}

}  // namespace

std::vector<std::int64_t> nearest_indices(std::int64_t from, std::int64_t to) {
  const double ratio = ratio_of(from, to);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(to));
  for (std::int64_t i = 0; i < to; ++i) {
    const auto index = static_cast<std::int64_t>(std::floor(static_cast<double>(i) * ratio));
    indices[static_cast<std::size_t>(i)] = std::min(index, from - 1);
  }
  return indices;
}

void LinearResizer::resize(const Image& in, Size size, const Box& window, Image& out) {
  assert(window.height > 0 && window.width > 0 && window.top + window.height <= size.height &&
         window.left + window.width <= size.width);
  const bool is_uint8 = in.type() == PixelType::uint8;
  out.resize({window.height, window.width}, in.channels(),
             is_uint8 ? PixelType::uint8 : PixelType::float32);
  if (is_uint8) return resize_as<LevelSums>(in, size, window, out);
  if (in.type() == PixelType::float32) return resize_as<FloatSums>(in, size, window, out);
  convert_to_float(in, as_float_);
  resize_as<FloatSums>(as_float_, size, window, out);
}

}  // namespace convmae
