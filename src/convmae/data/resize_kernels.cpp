#include "convmae/data/resize_kernels.h"

#include <algorithm>
#include <array>

namespace convmae {
namespace {

constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);

std::uint8_t clip(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

template <std::int64_t channels>
void along_width_of(const std::uint8_t* in, const ResizeWeights<std::int32_t>& weights,
                    std::uint8_t* out) {
  for (std::int64_t x = 0; x < weights.outputs(); ++x) {
    const auto index = static_cast<std::size_t>(x);
    const std::uint8_t* from = in + weights.first[index] * channels;
    const std::int32_t* weight = weights.of(x);
    std::array<std::int32_t, channels> sums;
    sums.fill(kHalf);
    for (std::int64_t tap = 0; tap < weights.count[index]; ++tap) {
      for (std::int64_t c = 0; c < channels; ++c) {
        sums[static_cast<std::size_t>(c)] += from[tap * channels + c] * weight[tap];
      }
    }
    for (const std::int32_t sum : sums) *out++ = clip(sum);
  }
}

void along_width_any(const std::uint8_t* in, std::int64_t channels,
                     const ResizeWeights<std::int32_t>& weights, std::uint8_t* out) {
  for (std::int64_t x = 0; x < weights.outputs(); ++x) {
    const auto index = static_cast<std::size_t>(x);
    for (std::int64_t c = 0; c < channels; ++c) {
      std::int32_t sum = kHalf;
      for (std::int64_t tap = 0; tap < weights.count[index]; ++tap) {
        sum += in[(weights.first[index] + tap) * channels + c] * weights.of(x)[tap];
      }
      *out++ = clip(sum);
    }
  }
}

void along_width(const std::uint8_t* in, std::int64_t channels,
                 const ResizeWeights<std::int32_t>& weights, std::uint8_t* out) {
  if (channels == 1) return along_width_of<1>(in, weights, out);
  if (channels == 3) return along_width_of<3>(in, weights, out);
  along_width_any(in, channels, weights, out);
}

void along_height(const std::uint8_t* in, std::int64_t stride, std::int64_t values,
                  const std::int32_t* weights, std::int64_t taps, std::uint8_t* out) {
  constexpr std::int64_t kChunk = 128;  // sums that stay in registers and the first cache
  std::array<std::int32_t, kChunk> sums;
  for (std::int64_t begin = 0; begin < values; begin += kChunk) {
    const auto count = static_cast<std::size_t>(std::min(kChunk, values - begin));
    sums.fill(kHalf);
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      const std::uint8_t* from = in + tap * stride + begin;
      for (std::size_t i = 0; i < count; ++i) sums[i] += from[i] * weights[tap];
    }
    for (std::size_t i = 0; i < count; ++i)
      out[begin + static_cast<std::int64_t>(i)] = clip(sums[i]);
  }
}

}  // namespace

const ResizeKernels& resize_kernels() {
  static const ResizeKernels kernels{along_width, along_height};
  return kernels;
}

}  // namespace convmae
