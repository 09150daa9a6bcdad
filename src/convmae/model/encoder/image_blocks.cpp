#include "convmae/model/encoder/image_blocks.h"

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <cmath>
#include <vector>

namespace convmae {

at::Tensor image_to_blocks(const at::Tensor& images, Size grid, at::IntArrayRef nesting) {
  const std::int64_t side = c10::multiply_integers(nesting);
  TORCH_CHECK(images.dim() == 4 && images.size(2) == grid.height * side &&
                  images.size(3) == grid.width * side,
              "images must be [B, C, ", grid.height * side, ", ", grid.width * side, "], found ",
              images.sizes());
  const auto levels = static_cast<std::int64_t>(nesting.size());
  std::vector<std::int64_t> shape{images.size(0), images.size(1), grid.height};
  shape.insert(shape.end(), nesting.begin(), nesting.end());
  shape.push_back(grid.width);
  shape.insert(shape.end(), nesting.begin(), nesting.end());
  // B C h y.. w x.. -> B h w (y x).. C
  std::vector<std::int64_t> order{0, 2, 3 + levels};
  for (std::int64_t level = 0; level < levels; ++level) {
    order.push_back(3 + level);
    order.push_back(4 + levels + level);
  }
  order.push_back(1);
  return images.reshape(shape).permute(order).reshape(
      {images.size(0), grid.height * grid.width, side * side, images.size(1)});
}

at::Tensor blocks_to_image(const at::Tensor& blocks, Size grid, std::int64_t channels) {
  TORCH_CHECK(blocks.dim() == 3 && blocks.size(1) == grid.height * grid.width,
              "blocks must be [B, ", grid.height * grid.width, ", n], found ", blocks.sizes());
  const std::int64_t pixels = blocks.size(2) / channels;
  const auto side = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(pixels))));
  TORCH_CHECK(side * side * channels == blocks.size(2), "blocks of ", blocks.size(2),
              " numbers are not squares of ", channels, " channels");
  return blocks.reshape({blocks.size(0), grid.height, grid.width, side, side, channels})
      .permute({0, 5, 1, 3, 2, 4})
      .reshape({blocks.size(0), channels, grid.height * side, grid.width * side});
}

BlockStatistics block_statistics(const at::Tensor& blocks) {
  const auto [variance, mean] = at::var_mean(blocks, {-1}, /*unbiased=*/true, /*keepdim=*/true);
  return {mean, (variance + 1e-6).sqrt()};
}

at::Tensor normalise_blocks(const at::Tensor& blocks) {
  const BlockStatistics statistics = block_statistics(blocks);
  return (blocks - statistics.mean) / statistics.deviation;
}

}  // namespace convmae
