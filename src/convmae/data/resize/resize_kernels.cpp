#include "convmae/data/resize/resize_kernels.h"

#include "convmae/data/resize/resize_weights.h"

#include <algorithm>
#include <array>

namespace convmae {
namespace {

constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);

std::uint8_t clip(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

template <std::int64_t channels>
void row_along_width(const std::uint8_t* in, const PassWeights& weights, std::uint8_t* out) {
  for (std::int64_t x = 0; x < weights.outputs; ++x) {
    const std::uint8_t* from = in + weights.first[x] * channels;
    const std::int32_t* weight = weights.weights + x * weights.stride;
    std::array<std::int32_t, channels> sums{};
    sums.fill(kHalf);
    for (std::int64_t tap = 0; tap < weights.count[x]; ++tap) {
      for (std::int64_t c = 0; c < channels; ++c) {
        sums[static_cast<std::size_t>(c)] += from[tap * channels + c] * weight[tap];
      }
    }
    for (const std::int32_t sum : sums) *out++ = clip(sum);
  }
}

void row_along_width(const std::uint8_t* in, std::int64_t channels, const PassWeights& weights,
                     std::uint8_t* out) {
  for (std::int64_t x = 0; x < weights.outputs; ++x) {
    const std::uint8_t* from = in + weights.first[x] * channels;
    const std::int32_t* weight = weights.weights + x * weights.stride;
    for (std::int64_t c = 0; c < channels; ++c) {
      std::int32_t sum = kHalf;
      for (std::int64_t tap = 0; tap < weights.count[x]; ++tap) {
        sum += from[tap * channels + c] * weight[tap];
      }
      *out++ = clip(sum);
    }
  }
}

void along_width(Rows in, std::int64_t rows, std::int64_t channels, const PassWeights& weights,
                 std::uint8_t* out) {
  for (std::int64_t y = 0; y < rows; ++y) {
    const std::uint8_t* from = in.data + y * in.stride;
    std::uint8_t* to = out + y * weights.outputs * channels;
    if (channels == 1) {
      row_along_width<1>(from, weights, to);
    } else if (channels == 3) {
      row_along_width<3>(from, weights, to);
    } else {
      row_along_width(from, channels, weights, to);
    }
  }
}

void along_height(Rows in, std::int64_t values, const PassWeights& weights, std::uint8_t* out) {
  constexpr std::int64_t kChunk = 128;  // sums that stay in the first cache
  std::array<std::int32_t, kChunk> sums{};
  for (std::int64_t y = 0; y < weights.outputs; ++y) {
    for (std::int64_t begin = 0; begin < values; begin += kChunk) {
      const std::int64_t count = std::min(kChunk, values - begin);
      sums.fill(kHalf);
      for (std::int64_t tap = 0; tap < weights.count[y]; ++tap) {
        const std::uint8_t* from = in.data + (weights.first[y] + tap) * in.stride + begin;
        const std::int32_t weight = weights.weights[y * weights.stride + tap];
        for (std::int64_t i = 0; i < count; ++i) {
          sums[static_cast<std::size_t>(i)] += from[i] * weight;
        }
      }
      std::transform(sums.begin(), sums.begin() + count, out + y * values + begin, clip);
    }
  }
}

}  // namespace

const ResizeKernels kResizeGeneric{along_width, along_height};

const ResizeKernels& resize_kernels() {
#ifdef __x86_64__
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2) return kResizeAvx2;
#endif
  return kResizeGeneric;
}

}  // namespace convmae
