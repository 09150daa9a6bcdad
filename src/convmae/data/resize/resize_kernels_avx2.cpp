// Compiled for AVX2: only intrinsics and plain pointers here, no functions shared with other files.

#include "convmae/data/resize/resize_kernels.h"

#ifdef __AVX2__

#include "convmae/data/resize/resize_weights.h"

#include <immintrin.h>

namespace convmae {
namespace {

// A weight has more bits than a 16-bit multiply takes, so each is split into high * 2^kLowBits +
// low. `pmaddwd` multiplies two taps at once and adds them up in 32 bits; the halves are joined at
// the end. Nothing is rounded on the way, so the result is that of 32-bit multiplications.

__m256i join(__m256i low, __m256i high) {
  return _mm256_add_epi32(_mm256_slli_epi32(high, kLowBits), low);
}

/// A row in each 128-bit half.
__m256i load_two(const std::uint8_t* first, const std::uint8_t* second) {
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(first));
  const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(second));
  return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

__m256i broadcast_pair(const std::int16_t* weights) {
  return _mm256_broadcastd_epi32(_mm_loadu_si32(weights));
}

/// Sums of one RGB pixel of two rows: dwords r g b 0 | r g b 0. Coarse weights have no low parts.
template <bool coarse>
struct PixelSums {
  __m256i low;
  __m256i high;

  void add(__m256i pixels, __m256i order, __m256i low_weights, __m256i high_weights) {
    const __m256i pair = _mm256_shuffle_epi8(pixels, order);
    if (!coarse) low = _mm256_add_epi32(low, _mm256_madd_epi16(pair, low_weights));
    high = _mm256_add_epi32(high, _mm256_madd_epi16(pair, high_weights));
  }

  __m256i rounded() const {
    const __m256i half = _mm256_set1_epi32(1 << (kWeightBits - 1));
    return _mm256_srai_epi32(_mm256_add_epi32(join(low, high), half), kWeightBits);
  }
};

constexpr int kRowsTogether = 4;

struct RowGroup {
  const std::uint8_t* in[kRowsTogether];
  std::uint8_t* out[kRowsTogether];
};

/// Writes r g b and, unless it is the row's last pixel, one byte more, which the next pixel covers.
void store_pixel(std::uint8_t* out, int pixel, bool last) {
  if (last) {
    out[0] = static_cast<std::uint8_t>(pixel);
    out[1] = static_cast<std::uint8_t>(pixel >> 8);
    out[2] = static_cast<std::uint8_t>(pixel >> 16);
  } else {
    _mm_storeu_si32(out, _mm_cvtsi32_si128(pixel));
  }
}

template <bool coarse>
void rgb_rows_along_width(const RowGroup& rows, const PassWeights& weights) {
  // RGB pixels -> words r0 r1 g0 g1 b0 b1 0 0, and the same of the two pixels behind them.
  const __m256i first_pair = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
  const __m256i second_pair = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
  for (std::int64_t x = 0; x < weights.outputs; ++x) {
    const std::int64_t from = weights.first[x] * 3;
    const std::int16_t* halves = weights.halves + x * weights.halves_stride;
    const std::int64_t count = weights.count[x];
    PixelSums<coarse> upper{};
    PixelSums<coarse> lower{};
    for (std::int64_t tap = 0; tap < count; tap += 4, halves += 8) {
      const std::int64_t at = from + tap * 3;
      const __m256i upper_pixels = load_two(rows.in[0] + at, rows.in[1] + at);
      const __m256i lower_pixels = load_two(rows.in[2] + at, rows.in[3] + at);
      const __m256i low = broadcast_pair(halves);
      const __m256i high = broadcast_pair(halves + 4);
      upper.add(upper_pixels, first_pair, low, high);
      lower.add(lower_pixels, first_pair, low, high);
      if (count - tap <= 2) break;
      const __m256i second_low = broadcast_pair(halves + 2);
      const __m256i second_high = broadcast_pair(halves + 6);
      upper.add(upper_pixels, second_pair, second_low, second_high);
      lower.add(lower_pixels, second_pair, second_low, second_high);
    }
    // dwords of rows 0 2 | 1 3 -> bytes
    const __m256i words = _mm256_packs_epi32(upper.rounded(), lower.rounded());
    const __m256i bytes = _mm256_packus_epi16(words, words);
    const __m128i even = _mm256_castsi256_si128(bytes);
    const __m128i odd = _mm256_extracti128_si256(bytes, 1);
    const bool last = x + 1 == weights.outputs;
    store_pixel(rows.out[0] + x * 3, _mm_cvtsi128_si32(even), last);
    store_pixel(rows.out[1] + x * 3, _mm_cvtsi128_si32(odd), last);
    store_pixel(rows.out[2] + x * 3, _mm_extract_epi32(even, 1), last);
    store_pixel(rows.out[3] + x * 3, _mm_extract_epi32(odd, 1), last);
  }
}

void along_width(Rows in, std::int64_t rows, std::int64_t channels, const PassWeights& weights,
                 std::uint8_t* out) {
  if (channels != 3) return kResizeGeneric.along_width(in, rows, channels, weights, out);
  for (std::int64_t y = 0; y < rows; y += kRowsTogether) {
    RowGroup group{};
    for (int i = 0; i < kRowsTogether; ++i) {
      const std::int64_t row = y + i < rows ? y + i : rows - 1;  // the last one again, if need be
      group.in[i] = in.data + row * in.stride;
      group.out[i] = out + row * weights.outputs * 3;
    }
    weights.coarse ? rgb_rows_along_width<true>(group, weights)
                   : rgb_rows_along_width<false>(group, weights);
  }
}

/// Two parts of 16 values of two rows each, times a pair of weights, added to the sums.
template <bool coarse>
struct Sums {
  __m256i low[2];
  __m256i high[2];

  void add(__m128i a, __m128i b, __m256i low_weights, __m256i high_weights) {
    const __m256i first = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b));
    const __m256i second = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b));
    if (!coarse) {
      low[0] = _mm256_add_epi32(low[0], _mm256_madd_epi16(first, low_weights));
      low[1] = _mm256_add_epi32(low[1], _mm256_madd_epi16(second, low_weights));
    }
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
template <bool coarse>
void block_along_height(Rows in, const PassWeights& weights, std::int64_t y, std::uint8_t* out) {
  const std::int64_t count = weights.count[y];
  const std::int16_t* halves = weights.halves + y * weights.halves_stride;
  const std::uint8_t* row = in.data + weights.first[y] * in.stride;
  Sums<coarse> sums[2] = {};
  for (std::int64_t tap = 0; tap < count; tap += 2) {
    const std::uint8_t* a = row + tap * in.stride;
    const std::uint8_t* b = tap + 1 < count ? a + in.stride : a;
    const std::int16_t* pair = halves + (tap / 4) * 8 + tap % 4;
    const __m256i low = _mm256_broadcastd_epi32(_mm_loadu_si32(pair));
    const __m256i high = _mm256_broadcastd_epi32(_mm_loadu_si32(pair + 4));
    for (std::int64_t part = 0; part < 2; ++part) {
      sums[part].add(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a + part * 16)),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(b + part * 16)), low, high);
    }
  }
  for (std::int64_t part = 0; part < 2; ++part) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + part * 16), sums[part].bytes());
  }
}

void along_height(Rows in, std::int64_t values, const PassWeights& weights, std::uint8_t* out) {
  if (values < kBlock) return kResizeGeneric.along_height(in, values, weights, out);
  for (std::int64_t y = 0; y < weights.outputs; ++y) {
    for (std::int64_t begin = 0; begin < values; begin += kBlock) {
      // The last block overlaps the one before, so that it is whole.
      const std::int64_t at = begin + kBlock <= values ? begin : values - kBlock;
      const Rows block{in.data + at, in.stride};
      std::uint8_t* const to = out + y * values + at;
      weights.coarse ? block_along_height<true>(block, weights, y, to)
                     : block_along_height<false>(block, weights, y, to);
    }
  }
}

}  // namespace

const ResizeKernels kResizeAvx2{along_width, along_height};

}  // namespace convmae

#endif  // __AVX2__
