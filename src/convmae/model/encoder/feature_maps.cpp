#include "convmae/model/encoder/feature_maps.h"

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

namespace convmae {

at::Tensor blocks_to_map(const at::Tensor& blocks, Size grid, at::IntArrayRef nesting) {
  const std::int64_t side = c10::multiply_integers(nesting);
  TORCH_CHECK(blocks.dim() == 4 && blocks.size(1) == grid.height * grid.width &&
                  blocks.size(2) == side * side,
              "blocks must be [B, ", grid.height * grid.width, ", ", side * side, ", C], found ",
              blocks.sizes());
  const auto levels = static_cast<std::int64_t>(nesting.size());
  std::vector<std::int64_t> shape{blocks.size(0), grid.height, grid.width};
  for (const std::int64_t cells : nesting) shape.insert(shape.end(), {cells, cells});
  shape.push_back(blocks.size(3));
  // B h w (y x).. C -> B h y.. w x.. C
  std::vector<std::int64_t> order{0, 1};
  for (std::int64_t level = 0; level < levels; ++level) order.push_back(3 + 2 * level);
  order.push_back(2);
  for (std::int64_t level = 0; level < levels; ++level) order.push_back(4 + 2 * level);
  order.push_back(3 + 2 * levels);
  return blocks.reshape(shape)
      .permute(order)
      .reshape({blocks.size(0), grid.height * side, grid.width * side, blocks.size(3)})
      .permute({0, 3, 1, 2});
}

std::vector<at::Tensor> feature_maps(Encoder& encoder, const at::Tensor& images,
                                     const DropPath& drop_path, std::array<bool, 3> recompute) {
  const Geometry geometry = encoder.geometry(images);
  const Size grid = geometry.grid();
  const StageFeatures features = encoder.stages(
      images,
      {all_visible(images.size(0), grid, images.device()), std::nullopt, drop_path, recompute});
  return {blocks_to_map(features.stage1, grid, geometry.nesting(1)),
          blocks_to_map(features.stage2, grid, geometry.nesting(2)),
          blocks_to_map(features.tokens.unsqueeze(2), grid, geometry.nesting(3))};
}

at::Tensor feature_map(Vit& encoder, const LayerNorm* norm, const at::Tensor& images) {
  at::Tensor tokens = encoder.forward(images);
  if (norm != nullptr) tokens = norm->forward(tokens);
  return blocks_to_map(tokens.narrow(1, 1, tokens.size(1) - 1).unsqueeze(2),
                       encoder.geometry(images).grid(), {});
}

}  // namespace convmae
