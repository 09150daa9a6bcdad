#include "convmae/data/resize/resize.h"

#include "convmae/data/resize/resize_kernels.h"
#include "convmae/data/resize/resize_weights.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace convmae {
namespace {

/// The 8-bit arithmetic of a resize.
struct Uint8Pass {
  using Value = std::uint8_t;

  Uint8Pass(ResizeWeights exact, WeightPrecision precision)
      : weights(std::move(exact), precision) {}

  void along_width(const Value* in, std::int64_t stride, std::int64_t rows, std::int64_t channels,
                   Value* out) const {
    resize_kernels().along_width({in, stride}, rows, channels, weights.view(), out);
  }
  void along_height(const Value* in, std::int64_t stride, std::int64_t values, Value* out) const {
    resize_kernels().along_height({in, stride}, values, weights.view(), out);
  }

  FixedPointWeights weights;
};

/// Sums run in double precision, tap by tap, and are rounded to float32 once: Pillow's mode F.
struct FloatPass {
  using Value = float;

  FloatPass(ResizeWeights exact, WeightPrecision /*precision*/) : weights(std::move(exact)) {}

  void along_width(const Value* in, std::int64_t stride, std::int64_t rows, std::int64_t channels,
                   Value* out) const {
    for (std::int64_t y = 0; y < rows; ++y) {
      for (std::int64_t x = 0; x < weights.outputs(); ++x) {
        const Value* from = in + y * stride + weights.first[static_cast<std::size_t>(x)] * channels;
        for (std::int64_t c = 0; c < channels; ++c) *out++ = sum(from + c, channels, x);
      }
    }
  }
  void along_height(const Value* in, std::int64_t stride, std::int64_t values, Value* out) const {
    for (std::int64_t y = 0; y < weights.outputs(); ++y) {
      const Value* from = in + weights.first[static_cast<std::size_t>(y)] * stride;
      for (std::int64_t i = 0; i < values; ++i) *out++ = sum(from + i, stride, y);
    }
  }

  float sum(const Value* from, std::int64_t step, std::int64_t output) const {
    const double* weight = weights.of(output);
    double total = 0.0;
    for (std::int64_t tap = 0; tap < weights.count[static_cast<std::size_t>(output)]; ++tap) {
      total += static_cast<double>(from[tap * step]) * weight[tap];
    }
    return static_cast<float>(total);
  }

  ResizeWeights weights;
};

template <typename Pass>
void run(const Image& in, const Box& crop, Size size, const Box& window, Filter filter,
         WeightPrecision precision, Image& between, Image& out) {
  using Value = typename Pass::Value;
  ResizeWeights width =
      resize_weights(crop.width, size.width, window.left, window.left + window.width, filter);
  ResizeWeights height =
      resize_weights(crop.height, size.height, window.top, window.top + window.height, filter);
  // A pass that changes no size is left out: it then only selects.
  const bool needs_width = size.width != crop.width;
  const bool needs_height = size.height != crop.height;
  const std::int64_t channels = in.channels();
  const std::int64_t values = window.width * channels;
  const std::int64_t top = needs_height ? height.first.front() : window.top;
  const std::int64_t rows =
      needs_height ? height.first.back() + height.count.back() - top : window.height;
  for (std::int64_t& first : height.first) first -= top;

  out.resize({window.height, window.width}, channels, in.type());
  const Value* source = in.row<Value>(crop.top + top) + crop.left * channels;
  std::int64_t stride = in.width() * channels;
  if (needs_width) {
    Image& target = needs_height ? between : out;
    target.resize({rows, window.width}, channels, in.type());
    Pass(std::move(width), precision)
        .along_width(source, stride, rows, channels, target.row<Value>(0));
    source = target.row<Value>(0);
    stride = values;
  } else {
    source += window.left * channels;
  }
  if (needs_height) {
    Pass(std::move(height), precision).along_height(source, stride, values, out.row<Value>(0));
  } else if (!needs_width) {
    for (std::int64_t y = 0; y < rows; ++y) {
      std::copy_n(source + y * stride, values, out.row<Value>(y));
    }
  }
}

}  // namespace

void Resizer::resize(const Image& in, const Box& crop, Size size, const Box& window, Filter filter,
                     Image& out) {
  assert(crop.top >= 0 && crop.left >= 0 && crop.height > 0 && crop.width > 0);
  assert(crop.top + crop.height <= in.height() && crop.left + crop.width <= in.width());
  assert(window.top >= 0 && window.left >= 0 && window.height > 0 && window.width > 0);
  assert(window.top + window.height <= size.height && window.left + window.width <= size.width);
  if (in.type() == PixelType::uint8) {
    run<Uint8Pass>(in, crop, size, window, filter, precision_, between_, out);
  } else if (in.type() == PixelType::uint16) {
    convert_to_float(in, as_float_);
    run<FloatPass>(as_float_, crop, size, window, filter, precision_, between_, out);
  } else {
    run<FloatPass>(in, crop, size, window, filter, precision_, between_, out);
  }
}

}  // namespace convmae
