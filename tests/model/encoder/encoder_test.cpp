#include "convmae/model/encoder/encoder.h"

#include "convmae/base/error.h"
#include "convmae/model/encoder/feature_maps.h"
#include "convmae/model/encoder/position_resize.h"
#include "convmae/model/encoder/recompute.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "support/small_models.h"
#include <algorithm>
#include <array>
#include <utility>

namespace convmae {
namespace {

/// In float64 with every parameter random and none trivial.
template <typename Module>
std::shared_ptr<Module> randomised(std::shared_ptr<Module> module) {
  module->to(torch::kDouble);
  const torch::NoGradGuard no_grad;
  for (const auto& p : module->named_parameters()) p.value().normal_(0, 0.3);
  return module;
}

std::shared_ptr<Encoder> random_encoder(const EncoderConfig& config,
                                        const EncoderParts& parts = {}) {
  return randomised(std::make_shared<Encoder>(config, EncoderTail::none, parts));
}

Visibility all_of(const Encoder& encoder, const at::Tensor& images) {
  return all_visible(images.size(0), encoder.geometry(images).grid(), images.device());
}

TEST(Encoder, TakesImagesOfAnySizeThatItsStridesDivide) {
  torch::manual_seed(1);
  EncoderConfig small = small_config().encoder;
  EncoderConfig large = small;
  large.img_size = {32, 80};
  auto of_small = random_encoder(small);
  auto of_large = random_encoder(large);
  const torch::NoGradGuard no_grad;
  const auto parameters = of_small->named_parameters();
  for (const auto& p : of_large->named_parameters()) {
    p.value().copy_(p.key() == "pos_embed"
                        ? resize_positions(parameters[p.key()], {3, 4}, {2, 5}, /*leading=*/0)
                        : parameters[p.key()]);
  }
  const at::Tensor images = random_images(large, 2);
  const at::Tensor expected = of_large->stages(images, {all_of(*of_large, images)}).tokens;
  EXPECT_TRUE(torch::equal(of_small->stages(images, {all_of(*of_small, images)}).tokens, expected));
  EXPECT_THROW(of_small->geometry(images.narrow(2, 0, 31)), UserError);
  EXPECT_THROW(of_small->stages(images, {all_visible(2, {3, 4}, images.device())}), c10::Error);
}

TEST(Encoder, RecomputesAStageWithTheSameResultAndGradients) {
  for (const bool with_drop_path : {false, true}) {
    torch::manual_seed(2);
    EncoderParts parts;
    const auto shared = std::make_shared<RelativePositionTable>(4, Size{3, 4});
    shared->to(torch::kDouble);
    parts.blocks.assign(2, {.bias = shared, .shared_bias = true});
    auto encoder = random_encoder(small_config().encoder, parts);
    const at::Tensor images = random_images(small_config(), 3).requires_grad_(true);
    EncoderPass pass{all_of(*encoder, images)};
    if (with_drop_path) {
      const std::vector<double> rates = drop_path_rates(0.5, 5);
      pass.drop_path = drop_path(rates, torch::rand({drop_path_draws(rates), 3}));
    }
    std::vector<std::vector<at::Tensor>> results;
    for (const std::array<bool, 3> recompute :
         {std::array{false, false, false}, {true, false, true}, {true, true, true}}) {
      pass.recompute = recompute;
      const StageFeatures features = encoder->stages(images, pass);
      std::vector<at::Tensor> wanted = encoder->parameters();
      wanted.erase(wanted.begin());  // the position table is not trained
      wanted.push_back(images);
      wanted.push_back(shared->parameters()[0]);
      results.push_back(torch::autograd::grad(
          {features.tokens.square().sum() + features.stage1.sum() + features.stage2.sum()},
          wanted));
      results.back().push_back(features.tokens.detach());
    }
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      EXPECT_TRUE(torch::equal(results[0][i], results[1][i])) << i;
      EXPECT_TRUE(torch::equal(results[0][i], results[2][i])) << i;
      EXPECT_GT(results[0][i].abs().max().item<double>(), 0) << i;
    }
  }
}

TEST(Recompute, ComputesOnceMoreOnlyWhereAGradientIsWanted) {
  int calls = 0;
  const at::Tensor weight = torch::rand({3}, torch::kDouble).requires_grad_(true);
  const auto f = [&](const at::Tensor& x) {
    ++calls;
    return x * weight;
  };
  const at::Tensor x = torch::rand({3}, torch::kDouble);
  recompute_in_backward(f, x, {weight}).sum().backward();
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(torch::equal(weight.grad(), x));
  const torch::NoGradGuard no_grad;
  EXPECT_FALSE(recompute_in_backward(f, x, {weight}).requires_grad());
  EXPECT_EQ(calls, 3);
}

TransformerBlockConfig block_of(const BlockParts& parts) {
  return {.dim = 12, .num_heads = 3, .mlp_ratio = 2, .parts = parts};
}

TEST(TransformerBlock, InWindowsIsTheBlockOnEveryWindow) {
  torch::manual_seed(3);
  auto in_windows =
      randomised(std::make_shared<TransformerBlock>(block_of({.window = Window{2, false}})));
  auto plain = std::make_shared<TransformerBlock>(block_of({}));
  plain->to(torch::kDouble);
  const torch::NoGradGuard no_grad;
  const auto parameters = in_windows->named_parameters();
  for (const auto& p : plain->named_parameters()) p.value().copy_(parameters[p.key()]);
  const Size grid{4, 6};
  const at::Tensor x = torch::randn({2, 24, 12}, torch::kDouble);
  const at::Tensor windows =
      window_partition(x.view({2, 4, 6, 12}), 2, torch::zeros({12})).flatten(1, 2);
  const at::Tensor expected =
      window_merge(plain->forward(windows).view({12, 2, 2, 12}), grid).flatten(1, 2);
  EXPECT_TRUE(torch::allclose(in_windows->forward(x, {}, {}, {grid}), expected, 1e-12, 1e-12));
  EXPECT_THROW(in_windows->forward(x, {}, {}, {{3, 8}}), c10::Error);
}

/// The intervals that windows of `side` shifted by `shift` cut `length` places into.
std::vector<std::pair<int64_t, int64_t>> cut(int64_t length, int64_t side, int64_t shift) {
  std::vector<std::pair<int64_t, int64_t>> parts{{0, shift}};
  for (int64_t begin = shift; begin < length; begin += side) {
    parts.emplace_back(begin, std::min(side, length - begin));
  }
  return parts;
}

/// Nothing that a shifted window brings together from opposite borders meets: each rectangle that
/// the shifted squares cut the map into is a map by itself.
TEST(TransformerBlock, InShiftedWindowsKeepsWhatLiesAcrossTheBorderApart) {
  torch::manual_seed(8);
  constexpr int64_t kSide = 3;
  const Size grid{6, 9};
  for (const int64_t shift : {1, 2}) {
    const auto table = randomised(std::make_shared<RelativePositionTable>(3, Size{kSide, kSide}));
    auto shifted = randomised(std::make_shared<TransformerBlock>(
        block_of({.bias = table, .shared_bias = true, .window = Window{kSide, false, shift}})));
    const at::Tensor x = torch::randn({2, 54, 12}, torch::kDouble).requires_grad_(true);
    const at::Tensor found = shifted->forward(x, {}, {}, {grid});

    const at::Tensor distances = table->parameters()[0].view({2 * kSide - 1, 2 * kSide - 1, 3});
    const at::Tensor map = x.view({2, grid.height, grid.width, 12});
    std::vector<at::Tensor> rows;
    for (const auto& [top, height] : cut(grid.height, kSide, shift)) {
      std::vector<at::Tensor> parts;
      for (const auto& [left, width] : cut(grid.width, kSide, shift)) {
        const auto own = std::make_shared<RelativePositionTable>(3, Size{height, width});
        own->to(torch::kDouble);
        auto alone =
            std::make_shared<TransformerBlock>(block_of({.bias = own, .shared_bias = true}));
        alone->to(torch::kDouble);
        {
          const torch::NoGradGuard no_grad;
          own->parameters()[0].copy_(distances.narrow(0, kSide - height, 2 * height - 1)
                                         .narrow(1, kSide - width, 2 * width - 1)
                                         .reshape({-1, 3}));
          const auto parameters = shifted->named_parameters();
          for (const auto& p : alone->named_parameters()) p.value().copy_(parameters[p.key()]);
        }
        const at::Tensor part = map.narrow(1, top, height).narrow(2, left, width).flatten(1, 2);
        parts.push_back(
            alone->forward(part, {}, {}, {{height, width}}).view({2, height, width, 12}));
      }
      rows.push_back(torch::cat(parts, 2));
    }
    const at::Tensor expected = torch::cat(rows, 1).flatten(1, 2);
    EXPECT_TRUE(torch::allclose(found, expected, 1e-10, 1e-10));
    const at::Tensor cotangent = torch::randn_like(found);
    const auto gradient = [&](const at::Tensor& y) {
      return torch::autograd::grad({y}, {x}, {cotangent})[0];
    };
    EXPECT_TRUE(torch::allclose(gradient(found), gradient(expected), 1e-10, 1e-10));
  }
}

TEST(TransformerBlock, ScalesItsBranches) {
  torch::manual_seed(4);
  auto block = std::make_shared<TransformerBlock>(block_of({.layer_scale = 0.25}));
  EXPECT_EQ(block->named_parameters()["gamma_2"].min().item<double>(), 0.25);
  block = randomised(block);
  const torch::NoGradGuard no_grad;
  block->named_parameters()["gamma_1"].zero_();
  block->named_parameters()["gamma_2"].zero_();
  const at::Tensor x = torch::randn({1, 5, 12}, torch::kDouble);
  EXPECT_TRUE(torch::equal(block->forward(x), x));
}

/// With tokens left out, a table still knows where the others lie: what nobody may attend to and
/// what is not there come to the same.
TEST(TransformerBlock, HasItsPositionsAlsoUnderAMask) {
  torch::manual_seed(5);
  const Size grid{3, 4};
  const auto table = randomised(std::make_shared<RelativePositionTable>(3, grid));
  auto block = randomised(std::make_shared<TransformerBlock>(block_of({.bias = table})));
  EXPECT_TRUE(block->named_parameters().contains("attn.relative_position_bias_table"));
  const torch::NoGradGuard no_grad;
  const at::Tensor x = torch::randn({2, 12, 12}, torch::kDouble);
  const at::Tensor kept = torch::tensor({0, 2, 3, 7, 8, 1, 4, 6, 9, 11}).view({2, 5});
  const at::Tensor visible = torch::zeros({2, 12}, torch::kBool).scatter(1, kept, true);
  const at::Tensor expected =
      take_blocks(block->forward(x, {std::nullopt, visible}, {}, {grid}), kept);
  const at::Tensor found = block->forward(take_blocks(x, kept), {}, {}, {grid, kept});
  EXPECT_TRUE(torch::allclose(found, expected, 1e-10, 1e-10));
}

TEST(AttentionBias, OfAConstantTableIsConstantOnEveryGrid) {
  auto table = std::make_shared<RelativePositionTable>(2, Size{3, 2});
  const torch::NoGradGuard no_grad;
  table->parameters()[0].fill_(0.5);
  const ops::ScoreBias bias = table->of(torch::zeros({1, 20, 4}), 2, {{5, 4}, std::nullopt});
  EXPECT_EQ(bias.table.sizes(), (std::vector<int64_t>{2, 9, 7}));
  EXPECT_TRUE(torch::allclose(bias.table, torch::full({2, 9, 7}, 0.5)));
}

/// Distances -1, 0, 1 become -2 .. 2; a transposed grid gives the transposed table.
TEST(AttentionBias, ATableOfAnotherGridIsInterpolatedBetweenDistances) {
  const at::Tensor table = torch::tensor({{1., 10.}, {2., 20.}, {4., 40.}}, torch::kDouble);
  const at::Tensor expected = torch::tensor({1., 1.4, 2., 3.2, 4.}, torch::kDouble);
  for (const auto& [from, to] : {std::pair(Size{1, 2}, Size{1, 3}), {Size{2, 1}, Size{3, 1}}}) {
    const at::Tensor resized = resize_relative_positions(table, from, to);
    EXPECT_TRUE(torch::allclose(resized.select(1, 0), expected, 1e-12, 1e-12));
    EXPECT_TRUE(torch::allclose(resized.select(1, 1), 10 * expected, 1e-12, 1e-12));
    EXPECT_TRUE(resize_relative_positions(table, from, from).is_same(table));
  }
  EXPECT_THROW(resize_relative_positions(table, {2, 2}, {1, 2}), c10::Error);
}

TEST(AttentionBias, DecomposedIsAProductWithTheQuery) {
  torch::manual_seed(6);
  const Size grid{2, 3};
  auto positions = randomised(std::make_shared<DecomposedPositions>(4, grid));
  const torch::NoGradGuard no_grad;
  const at::Tensor query = torch::randn({1, 6, 8}, torch::kDouble);
  const ops::ScoreBias bias = positions->of(query, 2, {grid, std::nullopt});
  const auto parameters = positions->named_parameters();
  for (int64_t head = 0; head < 2; ++head) {
    for (int64_t q = 0; q < 6; ++q) {
      const at::Tensor vector = query[0][q].narrow(0, 4 * head, 4);
      for (int64_t k = 0; k < 2; ++k) {
        const at::Tensor row = parameters["rel_pos_h"][q / 3 - k + 1];
        EXPECT_NEAR(bias.rows[0][head][q][k].item<double>(), vector.dot(row).item<double>(), 1e-12);
      }
      for (int64_t k = 0; k < 3; ++k) {
        const at::Tensor column = parameters["rel_pos_w"][q % 3 - k + 2];
        EXPECT_NEAR(bias.columns[0][head][q][k].item<double>(), vector.dot(column).item<double>(),
                    1e-12);
      }
    }
  }
}

TEST(Windows, AreTheMapAgainAndPaddedWithWhatIsGiven) {
  const at::Tensor map = torch::arange(2 * 5 * 3 * 2, torch::kFloat).view({2, 5, 3, 2});
  const at::Tensor padding = torch::tensor({-1.0F, -2.0F});
  const at::Tensor windows = window_partition(map, 2, padding);
  EXPECT_EQ(windows.sizes(), (std::vector<int64_t>{12, 2, 2, 2}));
  EXPECT_TRUE(torch::equal(window_merge(windows, {5, 3}), map));
  // The last window has one cell of the map, its lower right one.
  EXPECT_TRUE(torch::equal(windows[11][0][0], map[1][4][2]));
  EXPECT_TRUE(torch::equal(windows[11][1][0], padding));
  EXPECT_TRUE(torch::equal(windows[11][0][1], padding));
}

}  // namespace
}  // namespace convmae
