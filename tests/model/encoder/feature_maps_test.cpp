#include "convmae/model/encoder/feature_maps.h"

#include "convmae/model/encoder/image_blocks.h"
#include "convmae/model/encoder/position_resize.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/small_models.h"
#include <vector>

namespace convmae {
namespace {

using Sizes = std::vector<std::int64_t>;

TEST(BlocksToMap, IsTheInverseOfImageToBlocks) {
  const Size grid{3, 2};
  for (const Sizes& nesting : {Sizes{}, Sizes{2}, Sizes{2, 3}, Sizes{3, 1, 2}}) {
    std::int64_t side = 1;
    for (const std::int64_t cells : nesting) side *= cells;
    const at::Tensor map = at::arange(std::int64_t{10} * grid.height * grid.width * side * side)
                               .view({2, 5, grid.height * side, grid.width * side});
    EXPECT_TRUE(at::equal(blocks_to_map(image_to_blocks(map, grid, nesting), grid, nesting), map))
        << "side " << side;
  }
}

TEST(FeatureMaps, AreAtTheStridesOfTheStages) {
  const at::NoGradGuard no_grad;
  const auto model = make_random_model(small_config(), 1);
  const std::vector<at::Tensor> maps = model->feature_maps(random_images(small_config(), 2));
  ASSERT_EQ(maps.size(), 3);
  EXPECT_EQ(maps[0].sizes(), (Sizes{2, 6, 12, 16}));
  EXPECT_EQ(maps[1].sizes(), (Sizes{2, 10, 6, 8}));
  EXPECT_EQ(maps[2].sizes(), (Sizes{2, 16, 3, 4}));
}

TEST(FeatureMaps, ChangeWhereTheImageChanges) {
  const at::NoGradGuard no_grad;
  const auto model = make_random_model(small_config(), 1);
  const at::Tensor images = random_images(small_config(), 1);
  at::Tensor changed = images.clone();
  // A pixel at row 17, column 40 lies in cell (4, 10) of stage 1, whose two blocks have kernels of
  // 5: they reach 4 cells to each side.
  changed.select(2, 17).select(2, 40).add_(1);
  const at::Tensor difference =
      (model->feature_maps(changed)[0] - model->feature_maps(images)[0]).abs().sum({0, 1});
  at::Tensor reach = at::zeros({12, 16}, at::kBool);
  reach.narrow(0, 0, 9).narrow(1, 6, 9).fill_(true);
  EXPECT_TRUE(at::equal(difference > 0, reach));
}

TEST(FeatureMaps, OfMaeAreOneMapOfPatches) {
  const at::NoGradGuard no_grad;
  const auto model = make_random_model(small_vit_config(), 1);
  const std::vector<at::Tensor> maps = model->feature_maps(random_images(small_vit_config(), 2));
  ASSERT_EQ(maps.size(), 1);
  EXPECT_EQ(maps[0].sizes(), (Sizes{2, 16, 3, 4}));
}

TEST(FeatureMaps, OfMaeOnAnotherGridAreThoseOfAModelWithAnInterpolatedTable) {
  const at::NoGradGuard no_grad;
  const ModelConfig config = small_vit_config();  // 3 by 4 patches
  ModelConfig other = config;
  other.encoder.img_size = {32, 80};
  const auto model = make_random_model(config, 1);
  const auto of_other_size = make_random_model(other, 1);
  const auto parameters = model->named_parameters();
  for (const auto& p : of_other_size->named_parameters()) {
    const at::Tensor& value = parameters[p.key()];
    const bool table = p.key() == "pos_embed";
    if (table || value.sizes() == p.value().sizes()) {
      p.value().copy_(table ? resize_positions(value, {3, 4}, {2, 5}, /*leading=*/1) : value);
    }
  }
  const at::Tensor images = random_images(other, 2);
  const at::Tensor map = model->feature_maps(images).front();
  EXPECT_EQ(map.sizes(), (Sizes{2, 16, 2, 5}));
  EXPECT_TRUE(at::equal(map, of_other_size->feature_maps(images).front()));
}

}  // namespace
}  // namespace convmae
