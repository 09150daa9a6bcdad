#pragma once

#include "convmae/ops/kernels/cuda/depthwise_thread.h"

#include <cstdint>

/// What one thread does for the blocks and kernels that the models have: a pair of channels of
/// whole blocks, with all of a block's sums in registers. A neighbour is read once for all outputs
/// that it reaches. All threads of a warp have the same block, so they take the same branches.
namespace convmae::depthwise_cuda {

using cuda_kernel::Pair;

/// The kernel of the published models.
constexpr int kUnrolledKernel = 5;

/// The side of blocks whose unrolled kernel fits the problem: 4 for blocks nested {2, 2}, 2 for
/// {2}, and 0 if there is none. `a` and `b` are the tensors that pairs are read from or written to,
/// `pair` their size in bytes.
inline int unrolled_side(const Problem& p, const void* a, const void* b, std::uintptr_t pair) {
  if (p.kernel != kUnrolledKernel || p.channels % 2 != 0) return 0;
  if ((reinterpret_cast<std::uintptr_t>(a) | reinterpret_cast<std::uintptr_t>(b)) % pair != 0) {
    return 0;
  }
  if (p.levels == 1 && p.nesting[0] == 2) return 2;
  if (p.levels == 2 && p.nesting[0] == 2 && p.nesting[1] == 2) return 4;
  return 0;
}

/// nested_number for blocks of side 2 and 4 as above.
template <int kSide>
CONVMAE_HOST_DEVICE constexpr int nested_of(int cell) {
  static_assert(kSide == 2 || kSide == 4, "no other is unrolled");
  const int y = cell / kSide;
  const int x = cell % kSide;
  return kSide == 2 ? cell : (y / 2 * 2 + x / 2) * 4 + y % 2 * 2 + x % 2;
}

/// Calls visit(neighbour's cell as y and x from the corner of the block in `row`, its pair of
/// channels) for all visible cells from which a tap reaches the block.
template <int kSide, typename T, typename Visit>
CONVMAE_HOST_DEVICE inline void visit_reaching(const Problem& p, const T* x, std::int64_t row,
                                               std::int64_t channel, const Visit& visit) {
  constexpr int kReach = kUnrolledKernel / 2;
  static_assert(kReach <= kSide, "taps reach the next block and no further");
  constexpr int kCells = kSide * kSide;
  const Block block(p, row);
  CONVMAE_UNROLL
  for (int neighbour = 0; neighbour < 9; ++neighbour) {
    const int dy = neighbour / 3 - 1;
    const int dx = neighbour % 3 - 1;
    const std::int64_t from = neighbour == 4 ? row : block.row_at(p, dy, dx);
    if (from < 0) continue;
    const T* cells = x + from * kCells * p.channels + channel;
    CONVMAE_UNROLL
    for (int cell = 0; cell < kCells; ++cell) {
      const int cell_y = dy * kSide + cell / kSide;
      const int cell_x = dx * kSide + cell % kSide;
      if (cell_y < -kReach || cell_y >= kSide + kReach) continue;
      if (cell_x < -kReach || cell_x >= kSide + kReach) continue;
      visit(cell_y, cell_x, cuda_kernel::load_pair(cells + nested_of<kSide>(cell) * p.channels));
    }
  }
}

/// The tap by which (y, x) reaches cell `out` of the block, -1 if none does.
template <int kSide>
CONVMAE_HOST_DEVICE constexpr int tap_between(int y, int x, int out) {
  const int tap_y = y - out / kSide + kUnrolledKernel / 2;
  const int tap_x = x - out % kSide + kUnrolledKernel / 2;
  const bool inside =
      tap_y >= 0 && tap_y < kUnrolledKernel && tap_x >= 0 && tap_x < kUnrolledKernel;
  return inside ? tap_y * kUnrolledKernel + tap_x : -1;
}

/// The channels `channel` and `channel` + 1 of `count` blocks from `first` on.
template <int kSide, typename T>
CONVMAE_HOST_DEVICE inline void convolve_unrolled_thread(const Problem& p, const T* x,
                                                         const AccOf<T>* taps, const AccOf<T>* bias,
                                                         T* out, std::int64_t first,
                                                         std::int64_t count, std::int64_t channel) {
  using Acc = AccOf<T>;
  constexpr int kTaps = kUnrolledKernel * kUnrolledKernel;
  constexpr int kCells = kSide * kSide;
  Pair<Acc> weight[kTaps];
  CONVMAE_UNROLL
  for (int tap = 0; tap < kTaps; ++tap) {
    const Acc* const at = taps + tap * p.channels + channel;
    weight[tap] = {at[0], at[1]};
  }
  Pair<Acc> start{0, 0};
  if (bias != nullptr) start = {bias[channel], bias[channel + 1]};
  const std::int64_t end = cuda_kernel::end_of_part(first, count, p.rows);
  for (std::int64_t row = first; row < end; ++row) {
    Pair<Acc> sums[kCells];
    CONVMAE_UNROLL
    for (int cell = 0; cell < kCells; ++cell) sums[cell] = start;
    visit_reaching<kSide>(p, x, row, channel, [&](int cell_y, int cell_x, Pair<Acc> value) {
      CONVMAE_UNROLL
      for (int cell = 0; cell < kCells; ++cell) {
        const int tap = tap_between<kSide>(cell_y, cell_x, cell);
        if (tap < 0) continue;
        sums[cell].first += value.first * weight[tap].first;
        sums[cell].second += value.second * weight[tap].second;
      }
    });
    T* const to = out + row * kCells * p.channels + channel;
    CONVMAE_UNROLL
    for (int cell = 0; cell < kCells; ++cell) {
      cuda_kernel::store_pair(to + nested_of<kSide>(cell) * p.channels, sums[cell]);
    }
  }
}

/// The sums of two channels over the rows of a part.
template <int kSide, typename T>
CONVMAE_HOST_DEVICE inline void taps_gradient_unrolled_thread(const Problem& p, const T* x,
                                                              const T* grad_out, AccOf<T>* sums,
                                                              std::int64_t part,
                                                              std::int64_t rows_of_part,
                                                              std::int64_t channel) {
  using Acc = AccOf<T>;
  constexpr int kTaps = kUnrolledKernel * kUnrolledKernel;
  constexpr int kCells = kSide * kSide;
  Pair<Acc> total[kTaps + 1] = {};
  const std::int64_t first = part * rows_of_part;
  const std::int64_t end = cuda_kernel::end_of_part(first, rows_of_part, p.rows);
  for (std::int64_t row = first; row < end; ++row) {
    Pair<Acc> grad[kCells];
    const T* const grads = grad_out + row * kCells * p.channels + channel;
    CONVMAE_UNROLL
    for (int cell = 0; cell < kCells; ++cell) {
      grad[cell] = cuda_kernel::load_pair(grads + nested_of<kSide>(cell) * p.channels);
      total[kTaps].first += grad[cell].first;
      total[kTaps].second += grad[cell].second;
    }
    visit_reaching<kSide>(p, x, row, channel, [&](int cell_y, int cell_x, Pair<Acc> value) {
      CONVMAE_UNROLL
      for (int cell = 0; cell < kCells; ++cell) {
        const int tap = tap_between<kSide>(cell_y, cell_x, cell);
        if (tap < 0) continue;
        total[tap].first += value.first * grad[cell].first;
        total[tap].second += value.second * grad[cell].second;
      }
    });
  }
  AccOf<T>* const to = sums + part * (kTaps + 1) * p.channels + channel;
  CONVMAE_UNROLL
  for (int tap = 0; tap <= kTaps; ++tap) {
    to[tap * p.channels] = total[tap].first;
    to[tap * p.channels + 1] = total[tap].second;
  }
}

}  // namespace convmae::depthwise_cuda
