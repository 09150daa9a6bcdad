#pragma once

#include <torch/types.h>

#include <algorithm>
#include <random>
#include <vector>

/// The plain counterpart of the visible pyramid: dense maps [B, C, H, W] and standard convolutions.
namespace convmae::dense {

/// `count` of `blocks` block numbers per image, ascending: [images, count].
inline at::Tensor random_kept(int64_t images, int64_t blocks, int64_t count, std::mt19937& random) {
  at::Tensor kept = torch::empty({images, count}, torch::kLong);
  for (int64_t i = 0; i < images; ++i) {
    std::vector<int64_t> all(static_cast<size_t>(blocks));
    for (size_t b = 0; b < all.size(); ++b) all[b] = static_cast<int64_t>(b);
    std::shuffle(all.begin(), all.end(), random);
    std::sort(all.begin(), all.begin() + count);
    for (int64_t v = 0; v < count; ++v) kept[i][v] = all[static_cast<size_t>(v)];
  }
  return kept;
}

/// [images, h, w]: row of a block in `kept`, or -1.
inline at::Tensor slot_of(const at::Tensor& kept, int64_t h, int64_t w) {
  at::Tensor slot = torch::full({kept.size(0), h * w}, -1, torch::kLong);
  if (kept.numel() > 0) {
    const at::Tensor rows = torch::arange(kept.size(1)).expand_as(kept);
    slot.scatter_(1, kept, rows.contiguous());
  }
  return slot.view({kept.size(0), h, w});
}

/// [images, 1, H, W]: 1 where a cell's block is kept.
inline at::Tensor keep_map(const at::Tensor& slot, int64_t side) {
  return (slot >= 0)
      .to(torch::kDouble)
      .unsqueeze(1)
      .repeat_interleave(side, 2)
      .repeat_interleave(side, 3);
}

/// Dense [B, C, h*s, w*s] -> all blocks in nested raster order [B, h*w, s*s, C].
inline at::Tensor to_blocks(const at::Tensor& map, int64_t h, int64_t w,
                            const std::vector<int64_t>& nesting) {
  const auto levels = static_cast<int64_t>(nesting.size());
  std::vector<int64_t> shape{map.size(0), map.size(1), h};
  shape.insert(shape.end(), nesting.begin(), nesting.end());
  shape.push_back(w);
  shape.insert(shape.end(), nesting.begin(), nesting.end());
  // B C h (y...) w (x...) -> B h w (y x)... C
  std::vector<int64_t> order{0, 2, 3 + levels};
  int64_t cells = 1;
  for (int64_t level = 0; level < levels; ++level) {
    order.push_back(3 + level);
    order.push_back(4 + levels + level);
    cells *= nesting[static_cast<size_t>(level)] * nesting[static_cast<size_t>(level)];
  }
  order.push_back(1);
  return map.reshape(shape).permute(order).reshape({map.size(0), h * w, cells, map.size(1)});
}

/// The kept rows of [B, L, ...]: [B, V, ...].
inline at::Tensor take(const at::Tensor& blocks, const at::Tensor& kept) {
  std::vector<int64_t> shape = blocks.sizes().vec();
  shape[1] = kept.size(1);
  std::vector<int64_t> index_shape(shape.size(), 1);
  index_shape[0] = kept.size(0);
  index_shape[1] = kept.size(1);
  return blocks.gather(1, kept.view(index_shape).expand(shape));
}

}  // namespace convmae::dense
