#pragma once

#include "convmae/base/geometry.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace convmae {

/// Which blocks one encoder pass sees. Built once a batch, in host memory, so that no size waits
/// for a device, and handed down. A pass may hold several views of each image: row v*B + n is view
/// v of image n.
struct Visibility {
  at::Tensor kept;     ///< [rows, V] int64: block numbers, ascending
  at::Tensor slot;     ///< [rows, h, w] int64: row of a block in `kept`, -1 where it is removed
  at::Tensor removed;  ///< [rows, L - V] int64: the other block numbers, ascending

  /// On that device.
  Visibility to(at::Device device) const;
  std::int64_t rows() const { return kept.size(0); }
  std::int64_t num_visible() const { return kept.size(1); }
  /// [rows, L] float32: 0 = kept, 1 = removed.
  at::Tensor mask() const;
};

/// kept [rows, V] int64 in any order, in host memory. Throws c10::Error for numbers that are no
/// blocks and for repetition.
Visibility visibility_of(const at::Tensor& kept, Size grid);
/// Every block of every row.
Visibility all_visible(std::int64_t rows, Size grid, at::Device device);

/// The number of the `length` blocks that a share of `mask_ratio` leaves, cut off as published:
/// int(length * (1 - mask_ratio)) in double precision.
std::int64_t num_kept(std::int64_t length, double mask_ratio);

/// Block-wise random masking (MAE, section 3): noise [B, L] in host memory; the `count` blocks with
/// the smallest noise are kept, equal noise in block order.
Visibility sample_blocks(const at::Tensor& noise, std::int64_t count, Size grid);

/// Complementary masks (FastConvMAE): view g keeps the ranks [g*n, (g+1)*n) of the noise, n =
/// L/groups rounded down, the last view also the remainder. Views of one size share a pass: one
/// Visibility if `groups` divides L, else two, the last with the last view alone.
std::vector<Visibility> sample_complementary(const at::Tensor& noise, std::int64_t groups,
                                             Size grid);

/// The rows of blocks [B, L, ...] that the visibility keeps: [rows, V, ...], for rows = views*B.
at::Tensor take_blocks(const at::Tensor& blocks, const at::Tensor& kept);

}  // namespace convmae
