#include "convmae/ops/kernels/bf16_gemm.h"

#include <cstring>
#include <immintrin.h>

namespace convmae::bf16_gemm {
namespace {

constexpr std::int64_t kLanes = 16;
// 24 sums, 3 vectors of the panel and some of the left factor fill the 32 registers.
constexpr int kTileRows = 8;
constexpr int kTileVectors = kPanelColumns / kLanes;

std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

/// The lowest `count` bits; none if it is not positive, all of Mask if it is more.
template <typename Mask>
Mask first_bits(std::int64_t count) {
  constexpr std::int64_t kBits = 8 * sizeof(Mask);
  if (count <= 0) return 0;
  return count >= kBits ? static_cast<Mask>(~Mask{0})
                        : static_cast<Mask>((Mask{1} << count) - Mask{1});
}

#include "convmae/ops/kernels/transpose_square.inc"

using Numbers __attribute__((vector_size(2 * kLanes))) = Number;
using Pairs __attribute__((vector_size(4 * kLanes))) = Pair;

/// The pairs of 16 columns: one number each of two rows; `second` may be absent.
__m512i interleave(const Number* first, const Number* second, __mmask16 columns) {
  const auto load = [columns](const Number* from) {
    const __m256i numbers = _mm256_maskz_loadu_epi16(columns, from);
    return __builtin_convertvector(reinterpret_cast<Numbers>(numbers), Pairs);
  };
  const Pairs pairs = second == nullptr ? load(first) : load(first) | load(second) << 16;
  return reinterpret_cast<__m512i>(pairs);
}

// Four bytes of every row make a pair, sixteen pairs a line of the cache.
constexpr std::int64_t kPairsALine = 16;

/// One pair of a left factor in all lanes.
__m512bh in_all_lanes(const void* pair) {
  int value = 0;
  std::memcpy(&value, pair, sizeof value);
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(value));
}

__m512bh pair_of(const Left& left, std::int64_t row, std::int64_t k) {
  return in_all_lanes(left.data + row * left.stride + 2 * k);
}
__m512bh pair_of(const PackedLeft& left, std::int64_t row, std::int64_t k) {
  return in_all_lanes(left.panel + k * kPanelColumns + row);
}

Left from_row(const Left& left, std::int64_t row) {
  return {left.data + row * left.stride, left.stride, left.rows - row};
}
PackedLeft from_row(const PackedLeft& left, std::int64_t row) {
  return {left.panel + row, left.rows - row};
}

/// Fetches the rows of the next tile, each of which would else start with a wait.
template <int kRows>
void prefetch_next(const Left& left, std::int64_t k) {
  for (int r = 0; r < kRows; ++r) {
    __builtin_prefetch(left.data + (kRows + r) * left.stride + 2 * k);
  }
}
template <int kRows>
void prefetch_next(const PackedLeft& /*left*/, std::int64_t /*k*/) {}

/// kRows rows of the left factor times kVectors vectors of the panel, added to `sums`.
template <int kRows, int kVectors, typename Factor>
__attribute__((always_inline)) inline void accumulate(const Factor& left, const Pair* panel,
                                                      std::int64_t pairs,
                                                      __m512 (&sums)[kRows][kVectors]) {
  for (std::int64_t k = 0; k < pairs; ++k) {
    if (k % kPairsALine == 0) prefetch_next<kRows>(left, k);
    __m512bh right[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      right[v] =
          reinterpret_cast<__m512bh>(_mm512_loadu_si512(panel + k * kPanelColumns + v * kLanes));
    }
    for (int r = 0; r < kRows; ++r) {
      const __m512bh same = pair_of(left, r, k);
      for (int v = 0; v < kVectors; ++v) {
        sums[r][v] = _mm512_dpbf16_ps(sums[r][v], same, right[v]);
      }
    }
  }
}

void prefetch_to_write(const void* address) { __builtin_prefetch(address, 1); }

// Stores under a mask are slow on some CPUs: only where there is something to mask.
constexpr __mmask16 kAll = 0xFFFF;

/// Where sums start and go: the result in bfloat16, with a bias. The result's memory is fetched
/// while the sums are computed, which a short depth would else wait for.
struct ToBf16 {
  const float* bias;
  Number* out;
  std::int64_t stride;

  __m512 start(std::int64_t row, std::int64_t column, __mmask16 mask) const {
    prefetch_to_write(out + row * stride + column);
    return bias == nullptr ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(mask, bias + column);
  }
  void finish(std::int64_t row, std::int64_t column, __mmask16 mask, __m512 sum) const {
    Number* const to = out + row * stride + column;
    const auto numbers = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(sum));
    if (mask == kAll) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), numbers);
    } else {
      _mm256_mask_storeu_epi16(to, mask, numbers);
    }
  }
};

/// The result in float32, which may be added to.
struct ToFloat {
  bool add;
  float* out;
  std::int64_t stride;

  __m512 start(std::int64_t row, std::int64_t column, __mmask16 mask) const {
    prefetch_to_write(out + row * stride + column);
    return add ? _mm512_maskz_loadu_ps(mask, out + row * stride + column) : _mm512_setzero_ps();
  }
  void finish(std::int64_t row, std::int64_t column, __mmask16 mask, __m512 sum) const {
    float* const to = out + row * stride + column;
    if (mask == kAll) {
      _mm512_storeu_ps(to, sum);
    } else {
      _mm512_mask_storeu_ps(to, mask, sum);
    }
  }
};

template <int kRows, int kVectors, typename Factor, typename Result>
void multiply_tile(const Factor& left, std::int64_t row, const Pair* panel, std::int64_t pairs,
                   std::int64_t columns, const Result& result) {
  __m512 sums[kRows][kVectors];
  const auto last = first_bits<__mmask16>(columns - (kVectors - 1) * kLanes);
  const auto mask = [last](int v) { return v + 1 < kVectors ? kAll : last; };
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sums[r][v] = result.start(row + r, v * kLanes, mask(v));
  }
  accumulate<kRows, kVectors>(from_row(left, row), panel, pairs, sums);
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) result.finish(row + r, v * kLanes, mask(v), sums[r][v]);
  }
}

template <int kVectors, typename Factor, typename Result>
void multiply_rows(const Factor& left, const Pair* panel, std::int64_t pairs, std::int64_t columns,
                   const Result& result) {
  std::int64_t row = 0;
  for (; row + kTileRows <= left.rows; row += kTileRows) {
    multiply_tile<kTileRows, kVectors>(left, row, panel, pairs, columns, result);
  }
  for (; row < left.rows; ++row) {
    multiply_tile<1, kVectors>(left, row, panel, pairs, columns, result);
  }
}

template <typename Factor, typename Result>
void multiply_panel(const Factor& left, const Pair* panel, std::int64_t pairs, std::int64_t columns,
                    const Result& result) {
  switch ((columns + kLanes - 1) / kLanes) {
    case 1:
      return multiply_rows<1>(left, panel, pairs, columns, result);
    case 2:
      return multiply_rows<2>(left, panel, pairs, columns, result);
    default:
      return multiply_rows<kTileVectors>(left, panel, pairs, columns, result);
  }
}

}  // namespace

void pack_transposed(const Number* from, std::int64_t stride, std::int64_t columns,
                     std::int64_t depth, Pair* panel) {
  for (std::int64_t k = 0; k < depth; k += 2 * kLanes) {
    const auto mask = first_bits<__mmask32>(depth - k);
    const std::int64_t pairs = least(kLanes, pairs_of(depth - k));
    for (std::int64_t first = 0; first < kPanelColumns; first += kLanes) {
      __m512i square[kLanes];
      for (std::int64_t i = 0; i < kLanes; ++i) {
        square[i] = first + i < columns
                        ? _mm512_maskz_loadu_epi16(mask, from + (first + i) * stride + k)
                        : _mm512_setzero_si512();
      }
      transpose_square(square);
      Pair* const to = panel + k / 2 * kPanelColumns + first;
      for (std::int64_t i = 0; i < pairs; ++i) {
        _mm512_storeu_si512(to + i * kPanelColumns, square[i]);
      }
    }
  }
}

void pack(const Number* from, std::int64_t stride, std::int64_t columns, std::int64_t depth,
          Pair* panel) {
  for (std::int64_t k = 0; k < depth; k += 2) {
    const Number* const first = from + k * stride;
    const Number* const second = k + 1 < depth ? first + stride : nullptr;
    for (std::int64_t c = 0; c < kPanelColumns; c += kLanes) {
      const auto mask = first_bits<__mmask16>(columns - c);
      _mm512_storeu_si512(panel + k / 2 * kPanelColumns + c,
                          interleave(first + c, second == nullptr ? nullptr : second + c, mask));
    }
  }
}

void multiply(const Left& left, const Pair* panel, std::int64_t pairs, const float* bias,
              Number* out, std::int64_t out_stride, std::int64_t columns) {
  multiply_panel(left, panel, pairs, columns, ToBf16{bias, out, out_stride});
}

void multiply(const PackedLeft& left, const Pair* panel, std::int64_t pairs, bool add, float* out,
              std::int64_t out_stride, std::int64_t columns) {
  multiply_panel(left, panel, pairs, columns, ToFloat{add, out, out_stride});
}

}  // namespace convmae::bf16_gemm
