#include "convmae/data/mixing.h"

#include "convmae/io/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstring>
#include <filesystem>
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
    EXPECT_EQ(
        mixed_targets(labels, config_.at("num_classes"), lambda, config_.at("label_smoothing")),
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

}  // namespace
}  // namespace convmae
