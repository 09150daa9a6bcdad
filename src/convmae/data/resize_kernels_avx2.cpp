// Compiled for AVX2: only intrinsics and plain pointers here, no functions shared with other files.

#include "convmae/data/resize_kernels.h"

#ifdef __AVX2__

#include "convmae/data/resize_weights.h"

#include <immintrin.h>

namespace convmae {
namespace {

// A weight has more bits than a 16-bit multiply takes, so each is split into high * 2^kLowBits +
// low. `pmaddwd` multiplies two taps at once and adds them up in 32 bits; the halves are joined at
// the end. Nothing is rounded on the way, so the result is that of 32-bit multiplications.

__m256i join(__m256i low, __m256i high) {
  return _mm256_add_epi32(_mm256_slli_epi32(high, kLowBits), low);
}

void rgb_row_along_width(const std::uint8_t* in, const PassWeights& weights, std::uint8_t* out) {
  // Four RGB pixels -> words r0 r1 g0 g1 b0 b1 0 0 | r2 r3 g2 g3 b2 b3 0 0.
  const __m256i pair_up =
      _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7,
                       -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const __m256i low_of = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
  const __m256i high_of = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
  const __m128i half = _mm_set1_epi32(1 << (kWeightBits - 1));
  for (std::int64_t x = 0; x < weights.outputs; ++x) {
    const std::uint8_t* from = in + weights.first[x] * 3;
    const std::int16_t* halves = weights.halves + x * weights.halves_stride;
    __m256i low = _mm256_setzero_si256();
    __m256i high = _mm256_setzero_si256();
    for (std::int64_t tap = 0; tap < weights.count[x]; tap += 4) {
      const __m128i loaded = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + tap * 3));
      const __m256i pixels = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(loaded), pair_up);
      const __m256i group = _mm256_castsi128_si256(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(halves + tap * 2)));
      low = _mm256_add_epi32(low,
                             _mm256_madd_epi16(pixels, _mm256_permutevar8x32_epi32(group, low_of)));
      high = _mm256_add_epi32(
          high, _mm256_madd_epi16(pixels, _mm256_permutevar8x32_epi32(group, high_of)));
    }
    const __m256i both = join(low, high);
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    sum = _mm_srai_epi32(_mm_add_epi32(sum, half), kWeightBits);
    sum = _mm_packs_epi32(sum, sum);
    _mm_storeu_si32(out + x * 3, _mm_packus_epi16(sum, sum));
  }
}

void along_width(Rows in, std::int64_t rows, std::int64_t channels, const PassWeights& weights,
                 std::uint8_t* out) {
  if (channels != 3) return kResizeGeneric.along_width(in, rows, channels, weights, out);
  for (std::int64_t y = 0; y < rows; ++y) {
    rgb_row_along_width(in.data + y * in.stride, weights, out + y * weights.outputs * 3);
  }
}

/// Two parts of 16 values of two rows each, times a pair of weights, added to the sums.
struct Sums {
  __m256i low[2];
  __m256i high[2];

  void add(__m128i a, __m128i b, __m256i low_weights, __m256i high_weights) {
    const __m256i first = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b));
    const __m256i second = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b));
    low[0] = _mm256_add_epi32(low[0], _mm256_madd_epi16(first, low_weights));
    low[1] = _mm256_add_epi32(low[1], _mm256_madd_epi16(second, low_weights));
    high[0] = _mm256_add_epi32(high[0], _mm256_madd_epi16(first, high_weights));
    high[1] = _mm256_add_epi32(high[1], _mm256_madd_epi16(second, high_weights));
  }

  /// 16 bytes, rounded and clipped.
  __m128i bytes() const {
    const __m256i half = _mm256_set1_epi32(1 << (kWeightBits - 1));
    const __m256i first =
        _mm256_srai_epi32(_mm256_add_epi32(join(low[0], high[0]), half), kWeightBits);
    const __m256i second =
        _mm256_srai_epi32(_mm256_add_epi32(join(low[1], high[1]), half), kWeightBits);
    const __m256i words =
        _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), _MM_SHUFFLE(3, 1, 2, 0));
    return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  }
};

constexpr std::int64_t kBlock = 32;  // values of a row that are summed together

/// kBlock values of output `y`. A missing partner of the last tap has weight 0, so any row will do.
void block_along_height(Rows in, const PassWeights& weights, std::int64_t y, std::uint8_t* out) {
  const std::int64_t count = weights.count[y];
  const std::int16_t* halves = weights.halves + y * weights.halves_stride;
  const std::uint8_t* row = in.data + weights.first[y] * in.stride;
  Sums sums[2] = {};
  for (std::int64_t tap = 0; tap < count; tap += 2) {
    const std::uint8_t* a = row + tap * in.stride;
    const std::uint8_t* b = tap + 1 < count ? a + in.stride : a;
    const std::int16_t* pair = halves + (tap / 4) * 8 + tap % 4;
    const __m256i low = _mm256_broadcastd_epi32(_mm_loadu_si32(pair));
    const __m256i high = _mm256_broadcastd_epi32(_mm_loadu_si32(pair + 4));
    for (int part = 0; part < 2; ++part) {
      sums[part].add(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a + part * 16)),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(b + part * 16)), low, high);
    }
  }
  for (int part = 0; part < 2; ++part) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + part * 16), sums[part].bytes());
  }
}

void along_height(Rows in, std::int64_t values, const PassWeights& weights, std::uint8_t* out) {
  if (values < kBlock) return kResizeGeneric.along_height(in, values, weights, out);
  for (std::int64_t y = 0; y < weights.outputs; ++y) {
    for (std::int64_t begin = 0; begin < values; begin += kBlock) {
      // The last block overlaps the one before, so that it is whole.
      const std::int64_t at = begin + kBlock <= values ? begin : values - kBlock;
      block_along_height({in.data + at, in.stride}, weights, y, out + y * values + at);
    }
  }
}

}  // namespace

const ResizeKernels kResizeAvx2{along_width, along_height};

}  // namespace convmae

#endif  // __AVX2__
