#pragma once

#include "convmae/ops/kernels/cuda/depthwise.h"
#include "convmae/ops/kernels/cuda/number.h"

#include <cstdint>

/// What one thread does in the kernels of depthwise.h for any kernel, nesting and number of
/// channels. Neighbouring threads have neighbouring channels; none waits for another.
namespace convmae::depthwise_cuda {

using cuda_kernel::AccOf;
using cuda_kernel::Number;

/// Number in nested order of the cell at (y, x) of a block; see nested_of_raster of the operator.
CONVMAE_HOST_DEVICE inline int nested_number(const Problem& p, int y, int x) {
  int number = 0;
  int inner = p.side;
  for (int level = 0; level < p.levels; ++level) {
    const int outer = p.nesting[level];
    inner /= outer;
    number = (number * outer + y / inner % outer) * outer + x / inner % outer;
  }
  return number;
}

/// A visible block's place in its image.
class Block {
 public:
  CONVMAE_HOST_DEVICE Block(const Problem& p, std::int64_t row) {
    const std::int64_t image = row / p.visible;
    const auto block = static_cast<int>(p.kept[row]);
    first_row_ = image * p.visible;
    slots_ = p.slot + image * p.grid_height * p.grid_width;
    y_ = block / p.grid_width;
    x_ = block % p.grid_width;
  }

  /// The row of the block that is so many blocks away, -1 if it is removed or outside.
  CONVMAE_HOST_DEVICE std::int64_t row_at(const Problem& p, int dy, int dx) const {
    const int y = y_ + dy;
    const int x = x_ + dx;
    if (y < 0 || y >= p.grid_height || x < 0 || x >= p.grid_width) return -1;
    const std::int64_t slot = slots_[y * p.grid_width + x];
    return slot < 0 ? -1 : first_row_ + slot;
  }

 private:
  std::int64_t first_row_;
  const std::int64_t* slots_;
  int y_;
  int x_;
};

/// Rounds towards minus infinity; b > 0.
CONVMAE_HOST_DEVICE inline int floor_divide(int a, int b) {
  return a >= 0 ? a / b : -((b - 1 - a) / b);
}

/// Where the channels of the cell at (y, x) begin, counted from the corner of the block in `row`
/// and as far outside of it as may be, in units of C; -1 if nothing is visible there.
CONVMAE_HOST_DEVICE inline std::int64_t cell_at(const Problem& p, const Block& block, int y,
                                                int x) {
  const int dy = floor_divide(y, p.side);
  const int dx = floor_divide(x, p.side);
  const std::int64_t row = block.row_at(p, dy, dx);
  if (row < 0) return -1;
  return row * p.side * p.side + nested_number(p, y - dy * p.side, x - dx * p.side);
}

/// Output number `index` of B*V*s*s*C, counted in raster order within a block.
template <typename T>
CONVMAE_HOST_DEVICE inline void convolve_thread(const Problem& p, const T* x, const AccOf<T>* taps,
                                                const AccOf<T>* bias, T* out, std::int64_t index) {
  const std::int64_t channel = index % p.channels;
  const std::int64_t cells = static_cast<std::int64_t>(p.side) * p.side;
  const std::int64_t row = index / p.channels / cells;
  const auto cell = static_cast<int>(index / p.channels % cells);
  const int cell_y = cell / p.side;
  const int cell_x = cell % p.side;
  const int reach = p.kernel / 2;
  const Block block(p, row);
  AccOf<T> sum = bias != nullptr ? bias[channel] : 0;
  for (int tap = 0; tap < p.kernel * p.kernel; ++tap) {
    const std::int64_t from =
        cell_at(p, block, cell_y + tap / p.kernel - reach, cell_x + tap % p.kernel - reach);
    if (from < 0) continue;
    sum += Number<T>::load(x + from * p.channels + channel) * taps[tap * p.channels + channel];
  }
  const std::int64_t to = row * cells + nested_number(p, cell_y, cell_x);
  Number<T>::store(out + to * p.channels + channel, sum);
}

/// Sum number `index` of (k*k + 1)*C over the rows of a part.
template <typename T>
CONVMAE_HOST_DEVICE inline void taps_gradient_thread(const Problem& p, const T* x,
                                                     const T* grad_out, AccOf<T>* sums,
                                                     std::int64_t part, std::int64_t rows_of_part,
                                                     std::int64_t index) {
  const std::int64_t channel = index % p.channels;
  const auto tap = static_cast<int>(index / p.channels);
  const int taps = p.kernel * p.kernel;
  const int dy = tap / p.kernel - p.kernel / 2;
  const int dx = tap % p.kernel - p.kernel / 2;
  const std::int64_t cells = static_cast<std::int64_t>(p.side) * p.side;
  const std::int64_t first = part * rows_of_part;
  const std::int64_t end = cuda_kernel::end_of_part(first, rows_of_part, p.rows);
  AccOf<T> sum = 0;
  for (std::int64_t row = first; row < end; ++row) {
    const Block block(p, row);
    for (int cell = 0; cell < cells; ++cell) {
      const int y = cell / p.side;
      const int x_in_block = cell % p.side;
      const std::int64_t at = row * cells + nested_number(p, y, x_in_block);
      const AccOf<T> grad = Number<T>::load(grad_out + at * p.channels + channel);
      if (tap == taps) {
        sum += grad;
        continue;
      }
      const std::int64_t from = cell_at(p, block, y + dy, x_in_block + dx);
      if (from >= 0) sum += grad * Number<T>::load(x + from * p.channels + channel);
    }
  }
  sums[part * (taps + 1) * p.channels + index] = sum;
}

}  // namespace convmae::depthwise_cuda
