#pragma once

#include "convmae/base/geometry.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace convmae {

/// Which blocks one encoder pass sees. Built once a batch and handed down. A pass may hold several
/// views of each image: row v*B + n is view v of image n.
struct Visibility {
  at::Tensor kept;  ///< [rows, V] int64: block numbers, ascending
  at::Tensor slot;  ///< [rows, h, w] int64: row of a block in `kept`, -1 where it is removed

  std::int64_t rows() const { return kept.size(0); }
  std::int64_t num_visible() const { return kept.size(1); }
  /// [rows, L] float32: 0 = kept, 1 = removed.
  at::Tensor mask() const;
  /// [rows, L - V] int64: the removed block numbers, ascending.
  at::Tensor removed() const;
};

/// Where slot [rows, L] is -1: [rows, removed] int64, ascending; every row removes that many.
at::Tensor removed_blocks(const at::Tensor& slot, std::int64_t removed);

/// kept [rows, V] int64 in any order, without repetition.
Visibility visibility_of(const at::Tensor& kept, Size grid);
/// Every block of every row.
Visibility all_visible(std::int64_t rows, Size grid, at::Device device);

/// The number of the `length` blocks that a share of `mask_ratio` leaves, cut off as published:
/// int(length * (1 - mask_ratio)) in double precision.
std::int64_t num_kept(std::int64_t length, double mask_ratio);

/// Block-wise random masking (MAE, section 3): noise [B, L]; the `count` blocks with the smallest
/// noise are kept, equal noise in block order.
Visibility sample_blocks(const at::Tensor& noise, std::int64_t count, Size grid);

/// Complementary masks (FastConvMAE): view g keeps the ranks [g*n, (g+1)*n) of the noise, n =
/// L/groups rounded down, the last view also the remainder. Views of one size share a pass: one
/// Visibility if `groups` divides L, else two, the last with the last view alone.
std::vector<Visibility> sample_complementary(const at::Tensor& noise, std::int64_t groups,
                                             Size grid);

/// The rows of blocks [B, L, ...] that the visibility keeps: [rows, V, ...], for rows = views*B.
at::Tensor take_blocks(const at::Tensor& blocks, const at::Tensor& kept);

}  // namespace convmae
