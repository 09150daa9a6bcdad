#include "convmae/ops/masked_depthwise_conv2d.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "support/dense_map.h"
#include "support/not_finite.h"
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace convmae {
namespace {

struct ConvCase {
  int64_t batch, h, w, visible, channels, kernel;
  std::vector<int64_t> nesting;
  bool bias = true;
};

std::string describe(const ConvCase& c) {
  return "batch " + std::to_string(c.batch) + ", grid " + std::to_string(c.h) + "x" +
         std::to_string(c.w) + ", visible " + std::to_string(c.visible) + ", channels " +
         std::to_string(c.channels) + ", kernel " + std::to_string(c.kernel) + ", nesting " +
         std::to_string(c.nesting.size());
}

/// A map, its mask and its weights in float64, and the answer by a standard convolution.
struct Oracle {
  at::Tensor map, kept, slot, weight, bias, cotangent;
  at::Tensor out, grad_map, grad_weight, grad_bias;
};

int64_t side_of(const ConvCase& c) {
  int64_t side = 1;
  for (const int64_t n : c.nesting) side *= n;
  return side;
}

Oracle make_oracle(const ConvCase& c, unsigned seed) {
  torch::manual_seed(seed);
  std::mt19937 random(seed);
  const int64_t side = side_of(c);
  Oracle o;
  o.kept = dense::random_kept(c.batch, c.h * c.w, c.visible, random);
  o.slot = dense::slot_of(o.kept, c.h, c.w);
  o.map = torch::randn({c.batch, c.channels, c.h * side, c.w * side}, torch::kDouble);
  o.map.requires_grad_();
  o.weight = torch::randn({c.channels, 1, c.kernel, c.kernel}, torch::kDouble).requires_grad_();
  if (c.bias) o.bias = torch::randn({c.channels}, torch::kDouble).requires_grad_();
  const at::Tensor dense_out = torch::conv2d(o.map * dense::keep_map(o.slot, side), o.weight,
                                             o.bias, 1, c.kernel / 2, 1, c.channels);
  o.out = dense::take(dense::to_blocks(dense_out, c.h, c.w, c.nesting), o.kept);
  o.cotangent = torch::randn_like(o.out);
  (o.out * o.cotangent).sum().backward();
  o.grad_map = o.map.grad();
  o.grad_weight = o.weight.grad();
  if (c.bias) o.grad_bias = o.bias.grad();
  return o;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  if (a.numel() == 0) return 0;
  return ((a.to(torch::kDouble) - b).abs().max() / b.abs().max().clamp_min(1)).item<double>();
}

void expect_equal(const ConvCase& c, unsigned seed, at::ScalarType type, double tolerance) {
  SCOPED_TRACE(describe(c));
  const Oracle o = make_oracle(c, seed);
  const auto leaf = [type](const at::Tensor& t) {
    return t.detach().to(type).clone().requires_grad_();
  };
  const at::Tensor map = leaf(o.map);
  const at::Tensor weight = leaf(o.weight);
  std::optional<at::Tensor> bias;
  if (c.bias) bias = leaf(o.bias);
  const at::Tensor x = dense::take(dense::to_blocks(map, c.h, c.w, c.nesting), o.kept);
  const at::Tensor out = ops::masked_depthwise_conv2d(x, weight, bias, o.kept, o.slot, c.nesting);
  (out * o.cotangent.to(type)).sum().backward();

  EXPECT_LE(largest_difference(out.detach(), o.out.detach()), tolerance);
  EXPECT_LE(largest_difference(map.grad(), o.grad_map), tolerance);
  EXPECT_LE(largest_difference(weight.grad(), o.grad_weight), tolerance);
  if (c.bias) {
    EXPECT_LE(largest_difference(bias->grad(), o.grad_bias), tolerance);
  }
}

TEST(MaskedDepthwiseConv2d, EqualsTheDenseConvolutionForEveryKernel) {
  for (int64_t kernel = 1; kernel <= 15; kernel += 2) {
    expect_equal({2, 3, 4, 5, 6, kernel, {2, 2}}, static_cast<unsigned>(kernel), torch::kDouble,
                 1e-12);
    expect_equal({1, 2, 2, 2, 3, kernel, {2}}, static_cast<unsigned>(kernel), torch::kDouble,
                 1e-12);
    expect_equal({2, 1, 1, 1, 4, kernel, {3}}, static_cast<unsigned>(kernel), torch::kDouble,
                 1e-12);
  }
}

TEST(MaskedDepthwiseConv2d, EqualsTheDenseConvolutionOnRandomShapes) {
  std::mt19937 random(7);
  const std::vector<std::vector<int64_t>> nestings{{},     {1},    {2},    {3},   {2, 2},
                                                   {3, 2}, {1, 3}, {2, 1}, {4, 1}};
  const auto draw = [&random](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  for (unsigned i = 0; i < 200; ++i) {
    ConvCase c{draw(1, 3),  draw(1, 6),         draw(1, 6), 0,
               draw(1, 40), 2 * draw(0, 7) + 1, {},         i % 3 != 0};
    c.nesting = nestings[static_cast<size_t>(draw(0, static_cast<int64_t>(nestings.size()) - 1))];
    c.visible = draw(0, c.h * c.w);
    expect_equal(c, i, torch::kDouble, 1e-12);
  }
}

TEST(MaskedDepthwiseConv2d, HandlesEveryTailOfTheVectors) {
  for (int64_t channels = 1; channels <= 70; ++channels) {
    const ConvCase c{1, 2, 3, 4, channels, 5, {2, 2}};
    expect_equal(c, static_cast<unsigned>(channels), torch::kFloat, 2e-5);
    expect_equal(c, static_cast<unsigned>(channels), torch::kBFloat16, 4e-2);
  }
}

/// Where something of a visible cell arrives: a convolution with ones of a map that is 1 there.
TEST(MaskedDepthwiseConv2d, NotANumberArrivesAtAllThatItReaches) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  std::mt19937 random(5);
  for (const auto type : {torch::kDouble, torch::kFloat, torch::kBFloat16}) {
    for (const int64_t channels : {1, 16, 37, 70}) {
      const at::Tensor kept = dense::random_kept(1, 12, 7, random);
      const at::Tensor slot = dense::slot_of(kept, 3, 4);
      const at::Tensor blocks = torch::randn({1, 7, 4, channels}).to(type);
      const at::Tensor weight = torch::randn({channels, 1, 3, 3}).to(type);
      for (int64_t row = 0; row < 7; ++row) {
        const int64_t channel = (row * 11 + 5) % channels;
        at::Tensor map = torch::zeros({1, 1, 6, 8}, torch::kDouble);
        const auto block = kept[0][row].item<int64_t>();
        map[0][0][block / 4 * 2 + 1][block % 4 * 2] = 1;  // cell 2 of the block
        const at::Tensor near =
            torch::conv2d(map, torch::ones({1, 1, 3, 3}, torch::kDouble), {}, 1, 1);
        const at::Tensor reached = dense::take(dense::to_blocks(near, 3, 4, {2}), kept) > 0;
        const auto expected = [&] {
          at::Tensor all = torch::zeros({1, 7, 4, channels}, torch::kBool);
          all.select(3, channel).copy_(reached.select(3, 0));
          return all;
        }();
        const at::Tensor x = blocks.clone();
        x[0][row][2][channel] = kNan;
        x.requires_grad_();
        const at::Tensor out =
            ops::masked_depthwise_conv2d(x, weight, std::nullopt, kept, slot, {2});
        EXPECT_TRUE(torch::equal(out.isnan(), expected));
        // The gradient of x is the same convolution, turned.
        at::Tensor grad = torch::randn({1, 7, 4, channels}).to(type);
        grad[0][row][2][channel] = kNan;
        out.backward(grad);
        EXPECT_TRUE(torch::equal(x.grad().isnan(), expected));
      }
    }
  }
}

TEST(MaskedDepthwiseConv2d, NotANumberAndInfinityArriveAsInADenseMap) {
  torch::manual_seed(6);
  // All is visible, and no tap reaches over the edge, where zeros times NaN would be NaN.
  const at::Tensor kept = torch::zeros({1, 1}, torch::kLong);
  for (const int64_t channels : {3, 16, 37}) {
    const std::vector<at::Tensor> numbers{
        not_finite::coarse({1, 1, 1, channels}), not_finite::coarse({channels, 1, 1, 1}),
        not_finite::coarse({channels}), not_finite::coarse({1, 1, 1, channels})};
    const auto ours = [&](const auto& l) {
      return ops::masked_depthwise_conv2d(l[0], l[1], l[2], kept,
                                          torch::zeros({1, 1, 1}, torch::kLong), {1});
    };
    const auto exact = [&](const auto& l) { return l[0] * l[1].view({channels}) + l[2]; };
    for (const auto type : {torch::kDouble, torch::kFloat, torch::kBFloat16}) {
      not_finite::expect_arrives(ours, exact, numbers, type, 1e-2, 1);
    }
  }
}

TEST(MaskedDepthwiseConv2d, AllOrNoneVisible) {
  expect_equal({2, 3, 3, 9, 8, 5, {2, 2}}, 1, torch::kDouble, 1e-12);
  expect_equal({2, 3, 3, 0, 8, 5, {2, 2}}, 2, torch::kDouble, 1e-12);
}

TEST(MaskedDepthwiseConv2d, TakesEmptyBatchesAndChannels) {
  expect_equal({0, 2, 2, 2, 8, 5, {2}}, 1, torch::kFloat, 0);
  const at::Tensor x = torch::zeros({1, 1, 4, 0});
  const at::Tensor kept = torch::zeros({1, 1}, torch::kLong);
  const at::Tensor out =
      ops::masked_depthwise_conv2d(x, torch::zeros({0, 1, 3, 3}), std::nullopt, kept,
                                   torch::zeros({1, 1, 1}, torch::kLong), {2});
  EXPECT_EQ(out.sizes(), x.sizes());
}

TEST(MaskedDepthwiseConv2d, GivesTheSameBitsForAnyNumberOfThreads) {
  const ConvCase c{3, 7, 7, 12, 70, 5, {2, 2}};
  const Oracle o = make_oracle(c, 3);
  const auto run = [&](int threads) {
    at::set_num_threads(threads);
    at::Tensor x = dense::take(dense::to_blocks(o.map.detach(), c.h, c.w, c.nesting), o.kept)
                       .to(torch::kFloat)
                       .requires_grad_();
    at::Tensor weight = o.weight.detach().to(torch::kFloat).requires_grad_();
    const at::Tensor out =
        ops::masked_depthwise_conv2d(x, weight, std::nullopt, o.kept, o.slot, c.nesting);
    out.square().sum().backward();
    return std::vector<at::Tensor>{out.detach(), x.grad(), weight.grad()};
  };
  const auto one = run(1);
  const auto two = run(2);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(torch::equal(one[i], two[i]));
}

TEST(MaskedDepthwiseConv2d, ComputesOnlyTheGradientsThatAreNeeded) {
  const Oracle o = make_oracle({1, 2, 2, 3, 4, 3, {2}}, 5);
  const at::Tensor x = dense::take(dense::to_blocks(o.map.detach(), 2, 2, {2}), o.kept);
  const at::Tensor weight = o.weight.detach().clone().requires_grad_();
  ops::masked_depthwise_conv2d(x, weight, std::nullopt, o.kept, o.slot, {2}).sum().backward();
  EXPECT_FALSE(x.grad().defined());
  EXPECT_TRUE(weight.grad().defined());
}

TEST(MaskedDepthwiseConv2d, HasAMetaFunction) {
  const auto meta = torch::TensorOptions().device(torch::kMeta);
  const at::Tensor out = ops::masked_depthwise_conv2d(
      torch::empty({2, 3, 16, 8}, meta), torch::empty({8, 1, 5, 5}, meta), std::nullopt,
      torch::empty({2, 3}, meta.dtype(torch::kLong)),
      torch::empty({2, 2, 2}, meta.dtype(torch::kLong)), {2, 2});
  EXPECT_TRUE(out.is_meta());
  EXPECT_EQ(out.sizes(), (std::vector<int64_t>{2, 3, 16, 8}));
}

TEST(MaskedDepthwiseConv2d, RefusesWhatDoesNotFit) {
  const at::Tensor x = torch::zeros({1, 2, 4, 3});
  const at::Tensor weight = torch::zeros({3, 1, 3, 3});
  const at::Tensor kept = torch::tensor({{0, 3}}, torch::kLong);
  const at::Tensor slot = dense::slot_of(kept, 2, 2);
  const auto call = [](const at::Tensor& input, const at::Tensor& taps, const at::Tensor& blocks,
                       const at::Tensor& rows, const std::vector<int64_t>& nesting) {
    return ops::masked_depthwise_conv2d(input, taps, std::nullopt, blocks, rows, nesting);
  };
  EXPECT_NO_THROW(call(x, weight, kept, slot, {2}));
  EXPECT_THROW(call(x, weight, kept, slot, {3}), c10::Error);
  EXPECT_THROW(call(x, torch::zeros({3, 1, 4, 4}), kept, slot, {2}), c10::Error);
  EXPECT_THROW(call(x, torch::zeros({3, 1, 17, 17}), kept, slot, {2}), c10::Error);
  EXPECT_THROW(call(x, torch::zeros({2, 1, 3, 3}), kept, slot, {2}), c10::Error);
  EXPECT_THROW(call(x.to(torch::kHalf), weight.to(torch::kHalf), kept, slot, {2}), c10::Error);
  EXPECT_THROW(call(x, weight, torch::tensor({{0, 4}}, torch::kLong), slot, {2}), c10::Error);
  EXPECT_THROW(call(x, weight, torch::tensor({{0, 1}}, torch::kLong), slot, {2}), c10::Error);
  EXPECT_THROW(call(x, weight, kept, slot + 1, {2}), c10::Error);
}

}  // namespace
}  // namespace convmae
