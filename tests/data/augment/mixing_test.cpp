#include "convmae/data/augment/mixing.h"

#include "convmae/base/error.h"
#include "convmae/io/safetensors/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

namespace convmae {
namespace {

using nlohmann::json;

class GoldenMixing : public testing::Test {
 protected:
  GoldenMixing()
      : golden_(std::filesystem::path(CONVMAE_SOURCE_DIR) / "tests/golden/data_mixing.safetensors"),
        config_(json::parse(golden_.metadata().at("config"))) {}

  std::vector<float> values(const std::string& name) const {
    const TensorView& tensor = golden_.at(name);
    std::vector<float> out(static_cast<std::size_t>(tensor.numel()));
    std::memcpy(out.data(), tensor.data.data(), tensor.data.size());
    return out;
  }

  BatchView view(std::vector<float>& pixels) const {
    const auto& shape = golden_.at("in.x").shape;
    return {pixels.data(), shape[0], shape[1], {shape[2], shape[3]}};
  }

  SafetensorsFile golden_;
  json config_;
};

TEST_F(GoldenMixing, PixelsAndTargetsAreTheReferences) {
  std::vector<std::int64_t> labels;
  for (const float label : values("in.labels")) labels.push_back(static_cast<std::int64_t>(label));
  int number = 0;
  for (const json& mixed : config_.at("cases")) {
    const std::string name = "out" + std::to_string(number++);
    std::vector<float> pixels = values("in.x");
    const BatchView batch = view(pixels);
    double lambda = mixed.at("lam");
    if (mixed.at("kind") == "cutmix") {
      const Box box = cutmix_box(batch.size, lambda, mixed.at("cy"), mixed.at("cx"));
      EXPECT_THAT(
          (std::vector<std::int64_t>{box.top, box.top + box.height, box.left,
                                     box.left + box.width}),
          testing::ElementsAreArray(mixed.at("bbox_yl_yh_xl_xh").get<std::vector<std::int64_t>>()));
      cutmix(batch, box);
      lambda = cutmix_lambda(batch.size, box);
      EXPECT_EQ(lambda, mixed.at("lam_corrected").get<double>());
    } else {
      mixup(batch, lambda);
    }
    EXPECT_EQ(pixels, values(name + ".x")) << name;
    EXPECT_EQ(mixed_targets(labels, config_.at("num_classes"), {&lambda, 1},
                            config_.at("label_smoothing")),
              values(name + ".target"))
        << name;
  }
  EXPECT_EQ(number, 6);
}

TEST(Mixing, TheMiddleOfAnOddBatchStaysItself) {
  std::vector<float> pixels{1, 2, 3, 4, 5, 6};
  mixup({pixels.data(), 3, 1, {1, 2}}, 0.5);
  EXPECT_THAT(pixels, testing::ElementsAre(3, 4, 3, 4, 3, 4));
  pixels = {1, 2, 3, 4, 5, 6};
  cutmix({pixels.data(), 3, 1, {1, 2}}, {0, 1, 1, 1});
  EXPECT_THAT(pixels, testing::ElementsAre(1, 6, 3, 4, 5, 2));
}

/// Samples of 4x5 pixels whose values tell sample and place.
std::vector<float> numbered_pixels(std::int64_t count) {
  std::vector<float> pixels(static_cast<std::size_t>(count * 20));
  std::iota(pixels.begin(), pixels.end(), 1.0F);
  return pixels;
}

struct Mixed {
  std::vector<float> pixels;
  std::vector<float> targets;
};

/// Samples `begin .. end - 1` of an epoch, mixed as one batch; each is its own class.
Mixed mixed(const MixingPolicy& policy, std::int64_t begin, std::int64_t end,
            std::int64_t classes) {
  const std::vector<float> all = numbered_pixels(end);
  Mixed result{{all.begin() + begin * 20, all.end()}, {}};
  std::vector<std::int64_t> labels(static_cast<std::size_t>(end - begin));
  std::iota(labels.begin(), labels.end(), begin);
  result.targets = mix_batch(policy, {5, 1, static_cast<std::uint64_t>(begin)},
                             {result.pixels.data(), end - begin, 1, {4, 5}}, labels, classes);
  return result;
}

MixingPolicy policy_of(MixingMode mode, std::int64_t group) {
  MixingPolicy policy;
  policy.mode = mode;
  policy.group = group;
  policy.label_smoothing = 0;
  return policy;
}

constexpr std::array kModes{MixingMode::batch, MixingMode::pair, MixingMode::element};

TEST(Mixing, OneRanksBatchIsTwoRanksBatches) {
  for (const MixingMode mode : kModes) {
    const MixingPolicy policy = policy_of(mode, 4);
    const Mixed whole = mixed(policy, 0, 16, 16);
    Mixed halves = mixed(policy, 0, 8, 16);
    const Mixed second = mixed(policy, 8, 16, 16);
    halves.pixels.insert(halves.pixels.end(), second.pixels.begin(), second.pixels.end());
    halves.targets.insert(halves.targets.end(), second.targets.begin(), second.targets.end());
    EXPECT_EQ(halves.pixels, whole.pixels);
    EXPECT_EQ(halves.targets, whole.targets);
  }
}

TEST(Mixing, TargetsSayWhatThePixelsHold) {
  for (const MixingMode mode : kModes) {
    constexpr std::int64_t kCount = 24;
    constexpr std::int64_t kGroup = 6;
    const Mixed result = mixed(policy_of(mode, kGroup), 0, kCount, kCount);
    const std::vector<float> original = numbered_pixels(kCount);
    const auto mean_of = [](const std::vector<float>& pixels, std::int64_t i) {
      return std::accumulate(pixels.begin() + i * 20, pixels.begin() + (i + 1) * 20, 0.0) / 20;
    };
    for (std::int64_t i = 0; i < kCount; ++i) {
      const std::int64_t begin = i / kGroup * kGroup;
      const std::int64_t partner = begin + mixing_partner(i - begin, kGroup);
      const float own = result.targets[static_cast<std::size_t>(i * kCount + i)];
      const float others = result.targets[static_cast<std::size_t>(i * kCount + partner)];
      EXPECT_NEAR(own + others, 1.0, 1e-6);
      // Values differ from the partner's by the same everywhere: the mean mixes as the target does.
      EXPECT_NEAR(mean_of(result.pixels, i),
                  own * mean_of(original, i) + others * mean_of(original, partner), 1e-3);
    }
  }
}

TEST(Mixing, ModesShareTheirDrawsAsTheyAreCalled) {
  constexpr std::int64_t kCount = 8;
  const auto own_shares = [&](MixingMode mode) {
    const Mixed result = mixed(policy_of(mode, kCount), 0, kCount, kCount);
    std::vector<float> shares;
    for (std::int64_t i = 0; i < kCount; ++i) {
      shares.push_back(result.targets[static_cast<std::size_t>(i * kCount + i)]);
    }
    return shares;
  };
  const std::vector<float> batch = own_shares(MixingMode::batch);
  EXPECT_THAT(batch, testing::Each(batch.front()));
  const std::vector<float> pair = own_shares(MixingMode::pair);
  const std::vector<float> mirrored(pair.rbegin(), pair.rend());
  EXPECT_EQ(pair, mirrored);
  EXPECT_NE(pair[0], pair[1]);
  const std::vector<float> element = own_shares(MixingMode::element);
  EXPECT_NE(element.front(), element.back());
}

TEST(Mixing, NothingIsMixedWhereBothAreOffOrProbabilityIsZero) {
  MixingPolicy off = policy_of(MixingMode::batch, 4);
  off.mixup_alpha = off.cutmix_alpha = 0;
  MixingPolicy never = policy_of(MixingMode::element, 4);
  never.probability = 0;
  for (MixingPolicy policy : {off, never}) {
    policy.label_smoothing = 0.1;
    const Mixed result = mixed(policy, 0, 4, 5);
    EXPECT_EQ(result.pixels, numbered_pixels(4));
    EXPECT_FLOAT_EQ(result.targets[0], 0.92F);
    EXPECT_FLOAT_EQ(result.targets[1], 0.02F);
  }
}

TEST(Mixing, AGroupThatTheEpochsEndCutsShortIsMixedInItself) {
  const Mixed result = mixed(policy_of(MixingMode::batch, 4), 0, 6, 6);
  const auto target = [&](std::int64_t i, std::int64_t k) {
    return result.targets[static_cast<std::size_t>(i * 6 + k)];
  };
  EXPECT_NEAR(target(4, 4) + target(4, 5), 1.0, 1e-6);
  EXPECT_NEAR(target(0, 0) + target(0, 3), 1.0, 1e-6);
}

TEST(Mixing, SettingsThatMakeNoSenseAreRefused) {
  MixingPolicy policy;
  policy.group = 32;
  EXPECT_NO_THROW(validate(policy, 64));
  EXPECT_THROW(validate(policy, 48), UserError);
  policy.mixup_alpha = -1;
  EXPECT_THROW(validate(policy, 64), UserError);
  policy.mixup_alpha = 1;
  policy.label_smoothing = 2;
  EXPECT_THROW(validate(policy, 64), UserError);
  EXPECT_THROW(parse_mixing_mode("batches"), UserError);
  EXPECT_EQ(parse_mixing_mode("elem"), MixingMode::element);
}

}  // namespace
}  // namespace convmae
