#include "convmae/data/resize.h"

#include "convmae/data/resize_kernels.h"
#include "convmae/data/resize_weights.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace convmae {
namespace {

/// Rows of the input that the wanted outputs touch.
template <typename T>
Box touched_rows(const ResizeWeights<T>& weights) {
  const std::int64_t top = weights.first.front();
  return {top, 0, weights.first.back() + weights.count.back() - top, 0};
}

// Sums run in double precision, tap by tap, and are rounded to float32 once: Pillow's mode F.
void float_along_width(const float* in, std::int64_t channels, const ResizeWeights<double>& weights,
                       float* out) {
  for (std::int64_t x = 0; x < weights.outputs(); ++x) {
    const auto index = static_cast<std::size_t>(x);
    for (std::int64_t c = 0; c < channels; ++c) {
      double sum = 0.0;
      for (std::int64_t tap = 0; tap < weights.count[index]; ++tap) {
        sum += static_cast<double>(in[(weights.first[index] + tap) * channels + c]) *
               weights.of(x)[tap];
      }
      *out++ = static_cast<float>(sum);
    }
  }
}

void float_along_height(const float* in, std::int64_t stride, std::int64_t values,
                        const double* weights, std::int64_t taps, float* out) {
  for (std::int64_t i = 0; i < values; ++i) {
    double sum = 0.0;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      sum += static_cast<double>(in[tap * stride + i]) * weights[tap];
    }
    out[i] = static_cast<float>(sum);
  }
}

void along_width(const std::uint8_t* in, std::int64_t channels,
                 const ResizeWeights<std::int32_t>& weights, std::uint8_t* out) {
  resize_kernels().along_width(in, channels, weights, out);
}
void along_width(const float* in, std::int64_t channels, const ResizeWeights<double>& weights,
                 float* out) {
  float_along_width(in, channels, weights, out);
}
void along_height(const std::uint8_t* in, std::int64_t stride, std::int64_t values,
                  const std::int32_t* weights, std::int64_t taps, std::uint8_t* out) {
  resize_kernels().along_height(in, stride, values, weights, taps, out);
}
void along_height(const float* in, std::int64_t stride, std::int64_t values, const double* weights,
                  std::int64_t taps, float* out) {
  float_along_height(in, stride, values, weights, taps, out);
}

/// Runs the two passes; `Pixel` with its `Weight` picks the arithmetic.
template <typename Pixel, typename Weight>
void run(const Image& in, const Box& crop, const Box& window, const ResizeWeights<Weight>& width,
         const ResizeWeights<Weight>& height, bool needs_width, bool needs_height, Image& between,
         Image& out) {
  const std::int64_t channels = in.channels();
  const Box rows = needs_height ? touched_rows(height) : Box{window.top, 0, window.height, 0};
  const std::int64_t left = crop.left + (needs_width ? 0 : window.left);
  out.resize({window.height, window.width}, channels, in.type());
  Image& first = needs_height ? between : out;
  if (needs_width || !needs_height) {
    first.resize({rows.height, window.width}, channels, in.type());
    for (std::int64_t y = 0; y < rows.height; ++y) {
      const Pixel* from = in.row<Pixel>(crop.top + rows.top + y) + left * channels;
      if (needs_width) {
        along_width(from, channels, width, first.row<Pixel>(y));
      } else {
        std::copy_n(from, window.width * channels, first.row<Pixel>(y));
      }
    }
    if (!needs_height) return;
  }
  const Pixel* source =
      needs_width ? between.row<Pixel>(0) : in.row<Pixel>(crop.top + rows.top) + left * channels;
  const std::int64_t stride = (needs_width ? window.width : in.width()) * channels;
  for (std::int64_t y = 0; y < window.height; ++y) {
    const auto index = static_cast<std::size_t>(y);
    along_height(source + (height.first[index] - rows.top) * stride, stride,
                 window.width * channels, height.of(y), height.count[index], out.row<Pixel>(y));
  }
}

}  // namespace

void Resizer::resize(const Image& in, const Box& crop, Size size, const Box& window, Filter filter,
                     Image& out) {
  assert(crop.top >= 0 && crop.left >= 0 && crop.height > 0 && crop.width > 0);
  assert(crop.top + crop.height <= in.height() && crop.left + crop.width <= in.width());
  assert(window.top >= 0 && window.left >= 0 && window.height > 0 && window.width > 0);
  assert(window.top + window.height <= size.height && window.left + window.width <= size.width);
  if (in.type() == PixelType::uint16) {
    convert_to_float(in, as_float_);
    return resize(as_float_, crop, size, window, filter, out);
  }
  // A pass that changes no size is left out.
  const bool needs_width = size.width != crop.width;
  const bool needs_height = size.height != crop.height;
  const auto width =
      resize_weights(crop.width, size.width, window.left, window.left + window.width, filter);
  const auto height =
      resize_weights(crop.height, size.height, window.top, window.top + window.height, filter);
  if (in.type() == PixelType::uint8) {
    run<std::uint8_t>(in, crop, window, fixed_point(width), fixed_point(height), needs_width,
                      needs_height, between_, out);
  } else {
    run<float>(in, crop, window, width, height, needs_width, needs_height, between_, out);
  }
}

}  // namespace convmae
