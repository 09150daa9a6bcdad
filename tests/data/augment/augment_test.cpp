#include "convmae/data/augment/augment.h"

#include "convmae/data/augment/rand_augment.h"
#include "convmae/data/resize/resize.h"
#include "convmae/data/transforms.h"
#include "convmae/io/safetensors/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace convmae {
namespace {

using nlohmann::json;

class GoldenAugment : public testing::Test {
 protected:
  GoldenAugment()
      : golden_(std::filesystem::path(CONVMAE_SOURCE_DIR) /
                "tests/golden/data_randaugment.safetensors"),
        config_(json::parse(golden_.metadata().at("config"))),
        fill_(config_.at("fill").get<Rgb>()) {}

  Image image(const std::string& name) const {
    const TensorView& tensor = golden_.at(name);
    Image out({tensor.shape[0], tensor.shape[1]}, tensor.shape[2]);
    std::memcpy(out.bytes(), tensor.data.data(), tensor.data.size());
    return out;
  }

  static bool equal(const Image& a, const Image& b) {
    return std::ranges::equal(a.values<std::uint8_t>(), b.values<std::uint8_t>());
  }

  SafetensorsFile golden_;
  json config_;
  Rgb fill_;
  Image scratch_;
};

TEST_F(GoldenAugment, EveryOperationGivesPillowsPixels) {
  std::set<std::string> seen;
  for (const json& op : config_.at("ops")) {
    const std::string name = op.at("op");
    seen.insert(name);
    const double argument = op.at("args").empty() ? 0.0 : op.at("args").at(0).get<double>();
    Image out = image("in.image");
    augment(parse_augment_op(name), argument, fill_, out, scratch_);
    EXPECT_TRUE(equal(out, image(op.at("key")))) << op;
  }
  EXPECT_EQ(seen.size(), kNumAugmentOps);
}

TEST_F(GoldenAugment, LevelsGiveTheReferencesArguments) {
  for (const json& op : config_.at("ops")) {
    if (op.at("args").empty()) continue;
    const double argument = augment_argument(parse_augment_op(op.at("op").get<std::string>()),
                                             op.at("level"), op.at("negated").get<bool>());
    EXPECT_DOUBLE_EQ(argument, op.at("args").at(0).get<double>()) << op;
  }
}

TEST_F(GoldenAugment, ACropMirroredAugmentedAndNormalisedIsTheReferences) {
  const json& chain = config_.at("chain");
  const json& crop = chain.at("crop");
  const std::int64_t side = crop.at("out");
  Image out;
  Resizer().resize(image("in.chain"), {crop.at("i"), crop.at("j"), crop.at("h"), crop.at("w")},
                   {side, side}, Filter::bicubic, out);
  if (chain.at("hflip").get<bool>()) mirror(out);
  for (const json& op : chain.at("ops")) {
    augment(parse_augment_op(op.at(0).get<std::string>()), op.at(1), fill_, out, scratch_);
  }
  EXPECT_TRUE(equal(out, image("out.chain")));
  std::vector<float> planes(static_cast<std::size_t>(3 * side * side));
  normalise(out, 255.0F, Normalisation::defaults(3), false, planes.data());
  const TensorView& expected = golden_.at("out.chain_norm");
  ASSERT_EQ(expected.data.size(), planes.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(expected.data.data(), planes.data(), expected.data.size()), 0);
}

TEST_F(GoldenAugment, DrawsDependOnTheKeyAndLeaveAQuarterOfTheImagesAlone) {
  const Image original = image("in.image");
  const auto result = [&](std::uint64_t index) {
    Image out = image("in.image");
    rand_augment({}, {1, 2, index}, out, scratch_);
    return out;
  };
  EXPECT_TRUE(equal(result(3), result(3)));
  int unchanged = 0;
  for (std::uint64_t index = 0; index < 400; ++index) {
    unchanged += equal(result(index), original) ? 1 : 0;
  }
  EXPECT_NEAR(unchanged, 100, 40);
}

TEST(Augment, TinyImagesAreNoSpecialCase) {
  Image scratch;
  for (const Size size : {Size{1, 1}, Size{1, 5}, Size{2, 2}}) {
    for (int op = 0; op < kNumAugmentOps; ++op) {
      Image image(size, 3);
      std::fill_n(image.row<std::uint8_t>(0), image.num_values(), std::uint8_t{9});
      augment(static_cast<AugmentOp>(op), 1.0, {1, 2, 3}, image, scratch);
      EXPECT_EQ(image.size(), size);
    }
  }
}

}  // namespace
}  // namespace convmae
