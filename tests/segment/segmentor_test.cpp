#include "convmae/segment/segmentor.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "support/small_segmentor.h"
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace convmae {
namespace {

at::Tensor some_images(std::int64_t count) {
  torch::manual_seed(8);
  return at::randn({count, 3, 48, 64});
}

at::Tensor some_labels(std::int64_t count) {
  torch::manual_seed(9);
  at::Tensor labels = at::randint(0, 7, {count, 48, 64}, at::kByte);
  return labels.masked_fill_(at::rand(labels.sizes()) < 0.1, 255);
}

/// Draws of the samples at these places of an epoch.
BatchKey key_of(const std::vector<std::int64_t>& positions, std::uint64_t epoch = 0) {
  return {5, epoch, positions};
}

const std::vector<std::int64_t> kTwo{0, 1};

double part(const Loss& loss, const std::string& name) {
  for (const auto& [own, value] : loss.parts) {
    if (own == name) return value.item<double>();
  }
  return std::nan("");
}

TEST(Segmentor, GivesLogitsAtTheFinestMap) {
  const at::NoGradGuard no_grad;
  SegmentorConfig config = small_segmentor_config();
  for (const std::vector<std::int64_t>& maps :
       {std::vector<std::int64_t>{0, 1, 2, 3}, {0, 1, 2}, {1, 3}, {2}}) {
    config.maps = maps;
    const auto segmentor = random_segmentor(config);
    segmentor->eval();
    const Size finest = map_size(config, maps.front());
    const at::Tensor logits = segmentor->logits(some_images(2));
    EXPECT_EQ(logits.sizes(), (std::vector<std::int64_t>{2, 7, finest.height, finest.width}));
    // What an image gets does not depend on those beside it.
    EXPECT_TRUE(
        at::allclose(segmentor->logits(some_images(2)[1].unsqueeze(0))[0], logits[1], 1e-4, 1e-5));
  }
}

TEST(Segmentor, ReadsThreeMapsWithoutAFourth) {
  SegmentorConfig config = small_segmentor_config();
  config.maps = {0, 1, 2};
  const auto segmentor = random_segmentor(config);
  const auto parameters = segmentor->named_parameters();
  EXPECT_FALSE(parameters.contains("backbone.fpn.0.weight"));
  EXPECT_EQ(parameters["decode_head.bottleneck.conv.weight"].size(1), 16 + 4 * 5);
  EXPECT_EQ(parameters["decode_head.fpn_bottleneck.conv.weight"].size(1), 3 * 5);
  const Loss loss = segmentor->loss(some_images(2), some_labels(2), key_of(kTwo));
  loss.total.backward();
  for (const auto& p : parameters) {
    EXPECT_TRUE(p.value().grad().defined()) << p.key();
  }
}

TEST(Segmentor, ItsLossIsThatOfBothHeads) {
  SegmentorConfig config = small_segmentor_config();
  const auto segmentor = random_segmentor(config);
  segmentor->eval();
  const at::Tensor images = some_images(2);
  const at::Tensor labels = some_labels(2);
  const Loss loss = segmentor->loss(images, labels, key_of(kTwo));
  EXPECT_NEAR(part(loss, "decode_loss"),
              pixel_loss(segmentor->logits(images), labels).item<double>(), 1e-6);
  EXPECT_NEAR(loss.total.item<double>(), part(loss, "decode_loss") + part(loss, "aux_loss"), 1e-6);
  config.aux_weight = 0.8;
  const auto heavier = random_segmentor(config);
  heavier->eval();
  EXPECT_NEAR(part(heavier->loss(images, labels, key_of(kTwo)), "aux_loss"),
              2 * part(loss, "aux_loss"), 1e-5);
  config.aux_channels = 0;
  const auto without = random_segmentor(config);
  EXPECT_EQ(without->loss(images, labels, key_of(kTwo)).parts.size(), 1);
}

/// The gradient of the whole, against a difference of the loss in float64.
TEST(Segmentor, ItsGradientIsThatOfItsDifferences) {
  SegmentorConfig config = small_segmentor_config();
  const auto segmentor = random_segmentor(config);
  segmentor->to(torch::kDouble);
  segmentor->eval();
  const at::Tensor images = some_images(1).to(at::kDouble);
  const at::Tensor labels = some_labels(1);
  const std::vector<std::int64_t> one{0};
  const auto loss = [&] { return segmentor->loss(images, labels, key_of(one)).total; };
  loss().backward();
  const at::NoGradGuard no_grad;
  for (const char* const name :
       {"backbone.pos_embed", "backbone.blocks3.0.attn.relative_position_bias_table",
        "backbone.fpn.0.weight", "decode_head.psp_modules.1.1.conv.weight",
        "decode_head.lateral_convs.1.bn.bias", "auxiliary_head.conv_seg.weight"}) {
    const at::Tensor parameter = segmentor->named_parameters()[name];
    const at::Tensor direction = at::randn_like(parameter);
    constexpr double kStep = 1e-6;
    parameter.add_(direction, kStep);
    const auto above = loss().item<double>();
    parameter.sub_(direction, 2 * kStep);
    const auto below = loss().item<double>();
    parameter.add_(direction, kStep);
    const auto slope = (parameter.grad() * direction).sum().item<double>();
    EXPECT_NEAR(slope, (above - below) / (2 * kStep), 1e-5 * std::max(1.0, std::abs(slope)))
        << name;
  }
}

TEST(Segmentor, DrawsFollowFromTheSampleAlone) {
  SegmentorConfig config = small_segmentor_config();
  config.drop_path = 0.5;
  config.dropout = 0.5;
  const auto segmentor = random_segmentor(config);
  const at::Tensor images = some_images(2);
  const at::Tensor labels = some_labels(2);
  const auto loss = [&](const std::vector<std::int64_t>& positions, std::uint64_t epoch = 0) {
    return segmentor->loss(images, labels, key_of(positions, epoch)).total.item<double>();
  };
  const double first = loss({3, 4});
  EXPECT_EQ(loss({3, 4}), first);
  EXPECT_NE(loss({4, 3}), first);
  EXPECT_NE(loss({3, 4}, 1), first);
  segmentor->eval();
  EXPECT_EQ(loss({3, 4}), loss({5, 6}));
  EXPECT_THROW(loss({3}), c10::Error);
}

TEST(Segmentor, LeavesChannelsOutInTrainingAlone) {
  const at::NoGradGuard no_grad;
  SegmentorConfig config = small_segmentor_config();
  config.drop_path = 0;
  const auto losses = [&](double rate, bool training) {
    config.dropout = rate;
    const auto segmentor = random_segmentor(config);
    segmentor->train(training);
    const Loss loss = segmentor->loss(some_images(2), some_labels(2), key_of(kTwo));
    return std::pair(part(loss, "decode_loss"), part(loss, "aux_loss"));
  };
  EXPECT_NE(losses(0.5, true).first, losses(0, true).first);
  EXPECT_NE(losses(0.5, true).second, losses(0, true).second);
  EXPECT_EQ(losses(0.5, false), losses(0, false));
}

TEST(Segmentor, OneImageIsRefusedWhereBatchNormHasOneNumber) {
  const auto segmentor = random_segmentor(small_segmentor_config());
  const std::vector<std::int64_t> one{0};
  EXPECT_THROW(segmentor->loss(some_images(1), some_labels(1), key_of(one)), c10::Error);
  segmentor->eval();
  EXPECT_NO_THROW(segmentor->loss(some_images(1), some_labels(1), key_of(one)));
}

TEST(Segmentor, NothingToLearnFromIsALossOfZero) {
  const auto segmentor = random_segmentor(small_segmentor_config());
  const at::Tensor ignored = at::full({2, 48, 64}, 255, at::kByte);
  for (const LossAverage average : {LossAverage::all, LossAverage::valid}) {
    segmentor->zero_grad();
    const Loss loss = segmentor->loss(some_images(2), ignored, key_of(kTwo), {average});
    EXPECT_EQ(loss.total.item<double>(), 0);
    loss.total.backward();
    for (const auto& p : segmentor->named_parameters()) {
      EXPECT_TRUE(at::equal(p.value().grad(), at::zeros_like(p.value()))) << p.key();
    }
  }
}

TEST(Segmentor, StatisticsMoveWithStepsThatAreTaken) {
  const auto segmentor = random_segmentor(small_segmentor_config());
  const auto mean = [&] {
    return segmentor->named_buffers()["decode_head.psp_modules.0.1.bn.running_mean"].clone();
  };
  const at::Tensor before = mean();
  segmentor->loss(some_images(2), some_labels(2), key_of(kTwo));
  discard_statistics(*segmentor);
  commit_statistics(*segmentor);
  EXPECT_TRUE(at::equal(mean(), before));
  segmentor->loss(some_images(2), some_labels(2), key_of(kTwo));
  EXPECT_TRUE(at::equal(mean(), before));
  commit_statistics(*segmentor);
  EXPECT_FALSE(at::equal(mean(), before));
}

TEST(Segmentor, ComputesInTheTypeOfTheImages) {
  const auto segmentor = random_segmentor(small_segmentor_config());
  const at::Tensor images = some_images(2).to(at::kBFloat16);
  const Loss loss = segmentor->loss(images, some_labels(2), key_of(kTwo));
  EXPECT_EQ(loss.total.scalar_type(), at::kFloat);
  loss.total.backward();
  for (const auto& p : segmentor->named_parameters()) {
    EXPECT_EQ(p.value().grad().scalar_type(), at::kFloat) << p.key();
  }
  segmentor->eval();
  const at::NoGradGuard no_grad;
  const at::Tensor exact = segmentor->logits(images.to(at::kFloat));
  const at::Tensor rounded = segmentor->logits(images);
  EXPECT_EQ(rounded.scalar_type(), at::kBFloat16);
  EXPECT_LT((rounded - exact).abs().max().item<double>(), 0.1 * exact.abs().max().item<double>());
}

TEST(Segmentor, StartsAsPublished) {
  SegmentorConfig config = small_segmentor_config();
  config.layer_scale = 0.25;
  const auto segmentor = std::make_shared<Segmentor>(config);
  segmentor->initialise(3);
  const auto parameters = segmentor->named_parameters();
  const auto all = [&](const char* name, double value) {
    EXPECT_TRUE(at::equal(parameters[name], at::full_like(parameters[name], value))) << name;
  };
  const auto deviation = [&](const char* name, double expected, double tolerance) {
    EXPECT_NEAR(parameters[name].std().item<double>(), expected, tolerance) << name;
  };
  all("backbone.blocks3.1.gamma_1", 0.25);
  all("backbone.blocks3.1.attn.relative_position_bias_table", 0);
  all("backbone.blocks3.1.attn.qkv.bias", 0);
  all("backbone.fpn.1.weight", 1);
  all("decode_head.bottleneck.bn.bias", 0);
  all("decode_head.conv_seg.bias", 0);
  deviation("backbone.blocks3.1.attn.qkv.weight", 0.02, 0.002);
  deviation("backbone.pos_embed", 0.02, 0.004);
  deviation("decode_head.fpn_bottleneck.conv.weight", std::sqrt(2.0 / (9 * 5)), 0.02);
  deviation("decode_head.conv_seg.weight", 0.01, 0.004);
  // PyTorch's default: uniform within 1 / sqrt(fan in).
  EXPECT_LE(parameters["backbone.fpn.0.weight"].abs().max().item<double>(),
            1 / std::sqrt(9.0 * 16));
  deviation("backbone.fpn.0.weight", 1 / std::sqrt(3 * 9.0 * 16), 0.005);
  const at::Tensor classes = parameters["auxiliary_head.conv_seg.weight"].clone();
  const at::Tensor rest = parameters["decode_head.bottleneck.conv.weight"].clone();
  segmentor->initialise_classes(4);
  EXPECT_FALSE(at::equal(parameters["auxiliary_head.conv_seg.weight"], classes));
  EXPECT_TRUE(at::equal(parameters["decode_head.bottleneck.conv.weight"], rest));
}

}  // namespace
}  // namespace convmae
