#include "convmae/segment/segmentation_heads.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "support/small_segmentor.h"
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using Weights = std::map<std::string, at::Tensor>;

Weights weights_of(const torch::nn::Module& module) {
  Weights weights;
  for (const auto& p : module.named_parameters()) weights[p.key()] = p.value();
  for (const auto& b : module.named_buffers()) weights[b.key()] = b.value();
  return weights;
}

/// Mean of the bins of a map as adaptive pooling has them: bin i of n is [floor(i s / n),
/// ceil((i + 1) s / n)), so that they overlap where n does not divide s.
at::Tensor binned(const at::Tensor& map, std::int64_t bins) {
  const auto range = [bins](std::int64_t i, std::int64_t size) {
    const std::int64_t begin = i * size / bins;
    return std::pair(begin, ((i + 1) * size + bins - 1) / bins - begin);
  };
  at::Tensor result = at::empty({map.size(0), map.size(1), bins, bins}, map.options());
  for (std::int64_t y = 0; y < bins; ++y) {
    for (std::int64_t x = 0; x < bins; ++x) {
      const auto [top, height] = range(y, map.size(2));
      const auto [left, width] = range(x, map.size(3));
      result.select(3, x).select(2, y).copy_(
          map.narrow(2, top, height).narrow(3, left, width).mean({2, 3}));
    }
  }
  return result;
}

/// The head in evaluation mode from plain functions.
class PlainUperHead {
 public:
  explicit PlainUperHead(const Weights& weights) : weights_(weights) {}

  at::Tensor unit(const std::string& name, const at::Tensor& x) const {
    const at::Tensor& kernel = weights_.at(name + ".conv.weight");
    const auto along_channels = [&](const char* part) {
      return weights_.at(name + ".bn." + part).view({1, -1, 1, 1});
    };
    const at::Tensor y = at::conv2d(x, kernel, {}, 1, kernel.size(2) / 2);
    return at::relu((y - along_channels("running_mean")) /
                        (along_channels("running_var") + 1e-5).sqrt() * along_channels("weight") +
                    along_channels("bias"));
  }

  static at::Tensor grown(const at::Tensor& x, const at::Tensor& like) {
    return at::upsample_bilinear2d(x, like.sizes().slice(2), false);
  }

  at::Tensor forward(const std::vector<at::Tensor>& maps,
                     const std::vector<std::int64_t>& scales) const {
    std::vector<at::Tensor> context{maps.back()};
    for (std::size_t i = 0; i < scales.size(); ++i) {
      context.push_back(
          grown(unit("psp_modules." + std::to_string(i) + ".1", binned(maps.back(), scales[i])),
                maps.back()));
    }
    std::vector<at::Tensor> levels{unit("bottleneck", at::cat(context, 1))};
    for (std::size_t i = maps.size() - 1; i-- > 0;) {
      const at::Tensor lateral = unit("lateral_convs." + std::to_string(i), maps[i]);
      levels.insert(levels.begin(), lateral + grown(levels.front(), lateral));
    }
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      levels[i] = unit("fpn_convs." + std::to_string(i), levels[i]);
    }
    for (at::Tensor& level : levels) level = grown(level, levels.front());
    return at::conv2d(unit("fpn_bottleneck", at::cat(levels, 1)), weights_.at("conv_seg.weight"),
                      weights_.at("conv_seg.bias"));
  }

 private:
  const Weights& weights_;
};

std::vector<at::Tensor> random_maps(const std::vector<std::int64_t>& channels,
                                    const std::vector<Size>& sizes) {
  torch::manual_seed(4);
  std::vector<at::Tensor> maps;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    maps.push_back(at::randn({2, channels[i], sizes[i].height, sizes[i].width}, at::kDouble));
  }
  return maps;
}

TEST(UperHead, IsThePlainFormulation) {
  const at::NoGradGuard no_grad;
  // Four maps as published, three, one; odd sizes, and bins that overlap.
  const std::vector<std::vector<Size>> sizes{
      {{20, 28}, {10, 14}, {5, 7}, {2, 3}}, {{17, 9}, {9, 5}, {5, 3}}, {{7, 4}}};
  for (const std::vector<Size>& of_maps : sizes) {
    std::vector<std::int64_t> channels{3, 4, 5, 5};
    channels.resize(of_maps.size());
    for (const std::vector<std::int64_t>& scales :
         {std::vector<std::int64_t>{1, 2, 3, 6}, std::vector<std::int64_t>{}}) {
      UperHead head(channels, 6, scales, 7);
      head.to(torch::kDouble);
      randomise(head, 5);
      head.eval();
      const std::vector<at::Tensor> maps = random_maps(channels, of_maps);
      const Weights weights = weights_of(head);
      EXPECT_TRUE(at::allclose(head.forward(maps), PlainUperHead(weights).forward(maps, scales),
                               1e-10, 1e-12));
    }
  }
}

TEST(UperHead, LeavesChannelsOut) {
  const at::NoGradGuard no_grad;
  UperHead head({3, 4}, 6, {1, 2}, 7);
  head.to(torch::kDouble);
  randomise(head, 6);
  head.eval();
  const std::vector<at::Tensor> maps = random_maps({3, 4}, {{8, 6}, {4, 3}});
  at::Tensor factors = at::ones({2, 6}, at::kDouble);
  EXPECT_TRUE(at::allclose(head.forward(maps, factors), head.forward(maps)));
  // Of the first image channel 2 is gone, as if nothing read it.
  factors[0][2] = 0;
  const at::Tensor dropped = head.forward(maps, factors);
  const at::Tensor whole = head.forward(maps);
  EXPECT_TRUE(at::allclose(dropped[1], whole[1]));
  head.named_parameters()["conv_seg.weight"].select(1, 2).zero_();
  EXPECT_TRUE(at::allclose(dropped[0], head.forward(maps)[0]));
  EXPECT_FALSE(at::allclose(dropped[0], whole[0]));
}

TEST(UperHead, RefusesAnotherNumberOfMaps) {
  UperHead head({3, 4}, 6, {1}, 7);
  EXPECT_THROW(head.forward(random_maps({3}, {{4, 4}})), c10::Error);
}

TEST(FcnHead, IsAConvolutionAndALogitForEachClass) {
  const at::NoGradGuard no_grad;
  FcnHead head(3, 5, 7);
  head.to(torch::kDouble);
  randomise(head, 7);
  head.eval();
  const at::Tensor map = random_maps({3}, {{5, 4}}).front();
  Weights weights = weights_of(head);
  const at::Tensor expected =
      at::conv2d(PlainUperHead(weights).unit("convs.0", map), weights.at("conv_seg.weight"),
                 weights.at("conv_seg.bias"));
  EXPECT_TRUE(at::allclose(head.forward(map), expected, 1e-10, 1e-12));
}

TEST(SegmentationHeads, StartAsPublished) {
  UperHead head({32, 32}, 64, {1, 2}, 50);
  for (const auto& p : head.named_parameters()) {
    const at::NoGradGuard no_grad;
    p.value().fill_(7);
  }
  head.initialise(3, "decode_head");
  const auto parameters = head.named_parameters();
  const auto deviation = [&](const char* name) { return parameters[name].std().item<double>(); };
  EXPECT_NEAR(deviation("conv_seg.weight"), 0.01, 0.001);
  EXPECT_EQ(parameters["conv_seg.bias"].abs().max().item<double>(), 0);
  // By what goes out of a kernel.
  EXPECT_NEAR(deviation("fpn_bottleneck.conv.weight"), std::sqrt(2.0 / (64 * 9)), 0.001);
  EXPECT_NEAR(deviation("lateral_convs.0.conv.weight"), std::sqrt(2.0 / 64), 0.01);
  FcnHead first(8, 16, 5);
  FcnHead second(8, 16, 5);
  first.initialise(3, "auxiliary_head");
  second.initialise(3, "auxiliary_head");
  EXPECT_TRUE(at::equal(first.named_parameters()["convs.0.conv.weight"],
                        second.named_parameters()["convs.0.conv.weight"]));
  second.initialise(4, "auxiliary_head");
  EXPECT_FALSE(at::equal(first.named_parameters()["conv_seg.weight"],
                         second.named_parameters()["conv_seg.weight"]));
}

}  // namespace
}  // namespace convmae
