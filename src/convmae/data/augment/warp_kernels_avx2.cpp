// Compiled for AVX2: only intrinsics and plain pointers here, no functions shared with other files.

#include "convmae/data/augment/warp_kernels.h"

#ifdef __AVX2__

#include <immintrin.h>

namespace convmae {
namespace {

// The channels of a pixel are worked on together. Four neighbours of a channel lie in the bytes of
// one dword; the coefficients of the cubic are small whole numbers, so integers give them exactly.

/// cubic(v1, v2, v3, v4, t) of each dword `v1 v2 v3 v4`, in double precision.
__m256d cubic_of_bytes(__m128i taps, __m256d t) {
  const __m128i ones = _mm_set1_epi16(1);
  const auto coefficient = [&](int weights) {
    const __m128i pairs = _mm_maddubs_epi16(taps, _mm_set1_epi32(weights));
    return _mm256_cvtepi32_pd(_mm_madd_epi16(pairs, ones));
  };
  const __m128i second = _mm_and_si128(_mm_srli_epi32(taps, 8), _mm_set1_epi32(0xFF));
  const __m256d p1 = _mm256_cvtepi32_pd(second);
  const __m256d p2 = coefficient(0x000100FF);                    // -1  0  1  0
  const __m256d p3 = coefficient(static_cast<int>(0xFF01FE02));  //  2 -2  1 -1
  const __m256d p4 = coefficient(0x01FF01FF);                    // -1  1 -1  1
  __m256d value = _mm256_add_pd(p3, _mm256_mul_pd(t, p4));
  value = _mm256_add_pd(p2, _mm256_mul_pd(t, value));
  return _mm256_add_pd(p1, _mm256_mul_pd(t, value));
}

/// The same of doubles, in the order of operations of the portable code.
__m256d cubic(__m256d v1, __m256d v2, __m256d v3, __m256d v4, __m256d t) {
  const __m256d twice = _mm256_mul_pd(_mm256_set1_pd(2.0), _mm256_sub_pd(v1, v2));
  const __m256d p2 = _mm256_sub_pd(v3, v1);
  const __m256d p3 = _mm256_sub_pd(_mm256_add_pd(twice, v3), v4);
  const __m256d p4 = _mm256_add_pd(_mm256_sub_pd(_mm256_sub_pd(v2, v1), v3), v4);
  __m256d value = _mm256_add_pd(p3, _mm256_mul_pd(t, p4));
  value = _mm256_add_pd(p2, _mm256_mul_pd(t, value));
  return _mm256_add_pd(v2, _mm256_mul_pd(t, value));
}

/// Four pixels beside each other: dwords of the reds, greens and blues.
__m128i taps_of_row(const std::uint8_t* pixel) {
  const __m128i order = _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1);
  return _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(pixel)), order);
}

/// Four pixels below each other.
__m128i taps_of_column(const std::uint8_t* pixel, std::int64_t stride) {
  const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, -1, -1, -1, -1);
  const __m128i upper = _mm_unpacklo_epi32(_mm_loadu_si32(pixel), _mm_loadu_si32(pixel + stride));
  const __m128i lower =
      _mm_unpacklo_epi32(_mm_loadu_si32(pixel + 2 * stride), _mm_loadu_si32(pixel + 3 * stride));
  return _mm_shuffle_epi8(_mm_unpacklo_epi64(upper, lower), order);
}

/// Cut off to 0..255; writes r g b and one byte more.
void store(__m256d value, std::uint8_t* out) {
  const __m256d limited =
      _mm256_min_pd(_mm256_max_pd(value, _mm256_setzero_pd()), _mm256_set1_pd(255.0));
  const __m128i whole = _mm256_cvttpd_epi32(limited);
  const __m128i words = _mm_packus_epi32(whole, whole);
  _mm_storeu_si32(out, _mm_packus_epi16(words, words));
}

void row(const WarpSource& source, std::int64_t y, std::int64_t begin, std::int64_t end,
         std::uint8_t* out) {
  const double m0 = source.map[0];
  const double m3 = source.map[3];
  const std::int64_t stride = source.width * 3;
  const double v = static_cast<double>(y) + 0.5;
  const double m1_v = source.map[1] * v;
  const double m4_v = source.map[4] * v;
  const double m2 = source.map[2];
  const double m5 = source.map[5];
  // All four taps of each direction lie inside.
  const auto last_x = static_cast<double>(source.width - 3);
  const auto last_y = static_cast<double>(source.height - 3);
  for (std::int64_t x = begin; x < end; ++x, out += 3) {
    const double u = static_cast<double>(x) + 0.5;
    const double from_x = m0 * u + m1_v + m2 - 0.5;
    const double from_y = m3 * u + m4_v + m5 - 0.5;
    const bool inner = from_x >= 1 && from_x <= last_x && from_y >= 1 && from_y <= last_y;
    if (!inner) {
      kWarpGeneric.row(source, y, x, x + 1, out);
      continue;
    }
    const auto left = static_cast<std::int64_t>(from_x);
    const auto top = static_cast<std::int64_t>(from_y);
    const double dx = from_x - static_cast<double>(left);
    const double dy = from_y - static_cast<double>(top);
    const std::uint8_t* const pixel = source.pixels + top * stride + left * 3;
    const __m256d t = _mm256_set1_pd(dx);
    // At t = 0 a cubic is its second value, exactly: shears and translations need one direction.
    if (dy == 0) {
      store(cubic_of_bytes(taps_of_row(pixel - 3), t), out);
    } else if (dx == 0) {
      store(cubic_of_bytes(taps_of_column(pixel - stride, stride), _mm256_set1_pd(dy)), out);
    } else {
      const std::uint8_t* const corner = pixel - stride - 3;
      store(cubic(cubic_of_bytes(taps_of_row(corner), t),
                  cubic_of_bytes(taps_of_row(corner + stride), t),
                  cubic_of_bytes(taps_of_row(corner + 2 * stride), t),
                  cubic_of_bytes(taps_of_row(corner + 3 * stride), t), _mm256_set1_pd(dy)),
            out);
    }
  }
}

}  // namespace

const WarpKernels kWarpAvx2{row};

}  // namespace convmae

#endif  // __AVX2__
