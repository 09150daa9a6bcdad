#include "convmae/detect/detector_init.h"

#include "convmae/base/error.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/detect/detector_checkpoint.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/small_detectors.h"
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>

namespace convmae {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

using Tensors = std::map<std::string, at::Tensor>;

Tensors tensors_of(const Detector& detector) {
  Tensors tensors;
  for (const auto& [name, tensor] : named_tensors(detector)) tensors[name] = tensor;
  return tensors;
}

class TakeWeights : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  static DetectorConfig config_of(const std::string& name, std::int64_t side,
                                  std::int64_t classes) {
    DetectorConfig config = small_detector(name);
    config.encoder.img_size = {side, side};
    if (name == "alpha") config.position_img_size = config.encoder.img_size;
    config.num_classes = classes;
    return config;
  }

  static std::vector<coco::Category> categories(const std::vector<std::string>& names) {
    std::vector<coco::Category> categories(names.size());
    for (std::size_t k = 0; k < names.size(); ++k) {
      categories[k] = {static_cast<std::int64_t>(k), names[k]};
    }
    return categories;
  }

  /// With random numbers everywhere, as training leaves them.
  static std::shared_ptr<Detector> random_detector(const DetectorConfig& config, double scale) {
    auto detector = std::make_shared<Detector>(config);
    detector->initialise(1);
    const at::NoGradGuard no_grad;
    for (const at::Tensor& parameter : detector->parameters()) {
      parameter.copy_(
          at::sin(at::arange(parameter.numel(), at::kFloat) * scale).view(parameter.sizes()));
    }
    return detector;
  }

  fs::path save(const Detector& detector, const std::vector<std::string>& classes) {
    CheckpointInfo info;
    info.model.encoder = detector.config().encoder;
    info.preprocessing = default_preprocessing(detector.config().encoder.in_chans,
                                               detector.config().encoder.img_size);
    info.task = task_of(detector.config(), categories(classes));
    save_weights(folder_ / "weights.safetensors", detector, info);
    return folder_ / "weights.safetensors";
  }

  fs::path folder_ = fs::temp_directory_path() / ("convmae_take_" + std::to_string(getpid()));
};

TEST_F(TakeWeights, OfADetectorCarriesOverRowsOfItsClasses) {
  for (const std::string& name : detector_names()) {
    const auto from = random_detector(config_of(name, 64, 3), 0.7);
    const auto to = random_detector(config_of(name, 64, 4), 0.3);
    Tensors before;
    for (const auto& [key, tensor] : tensors_of(*to)) before[key] = tensor.clone();
    const DetectorInit init =
        take_weights(save(*from, {"cat", "dog", "owl"}), *to, InChansInit::mean,
                     categories({"owl", "fox", "cat", "emu"}));
    EXPECT_TRUE(init.knows_classes);
    EXPECT_THAT(init.text, HasSubstr("rows of 2 of 4 carried over by name, new: 'fox' and 'emu'"));
    const Tensors source = tensors_of(*from);
    for (const auto& [key, tensor] : tensors_of(*to)) {
      const bool scores = key.starts_with("roi_heads.box_predictor.cls_score.");
      const bool boxes = key.starts_with("roi_heads.box_predictor.bbox_pred.");
      if (!scores && !boxes && !key.starts_with("roi_heads.mask_head.predictor.")) {
        EXPECT_TRUE(at::equal(tensor, source.at(key))) << key;
        continue;
      }
      const std::int64_t rows = boxes ? 4 : 1;
      const auto expect_rows = [&, &own = tensor, &name = key](std::int64_t row,
                                                               const at::Tensor& expected) {
        EXPECT_TRUE(at::equal(own.narrow(0, rows * row, rows), expected)) << name << " " << row;
      };
      expect_rows(0, source.at(key).narrow(0, rows * 2, rows));
      expect_rows(1, before.at(key).narrow(0, rows * 1, rows));
      expect_rows(2, source.at(key).narrow(0, 0, rows));
      expect_rows(3, before.at(key).narrow(0, rows * 3, rows));
      if (scores) expect_rows(4, source.at(key).narrow(0, 3, 1));  // the background
    }
  }
}

TEST_F(TakeWeights, InterpolatesTablesOfAnotherGrid) {
  for (const std::string& name : detector_names()) {
    const auto from = random_detector(config_of(name, 64, 2), 0.7);
    const auto to = random_detector(config_of(name, 128, 2), 0.3);
    const DetectorInit init =
        take_weights(save(*from, {"a", "b"}), *to, InChansInit::mean, categories({"a", "b"}));
    EXPECT_THAT(init.text, HasSubstr("of relative positions interpolated"));
    const std::string table =
        name == "alpha" ? "backbone.bottom_up.global_rel_pos_bias.relative_position_bias_table"
                        : "backbone.net.blocks3.1.attn.rel_pos_h";
    const at::Tensor own = tensors_of(*to).at(table);
    const at::Tensor source = tensors_of(*from).at(table);
    EXPECT_LT(source.size(0), own.size(0));
    // The row of no distance stays in the middle.
    EXPECT_LT((own[own.size(0) / 2] - source[source.size(0) / 2]).abs().max().item<float>(), 1e-5);
  }
}

TEST_F(TakeWeights, OfAnotherKindOfDetectorIsItsEncoder) {
  const auto from = random_detector(config_of("official", 64, 2), 0.7);
  const auto to = random_detector(config_of("alpha", 64, 2), 0.3);
  const DetectorInit init =
      take_weights(save(*from, {"a", "b"}), *to, InChansInit::mean, categories({"a", "b"}));
  EXPECT_THAT(init.text, HasSubstr("of heads that the file lacks"));
  const std::string weight = "blocks3.0.mlp.fc1.weight";
  EXPECT_TRUE(at::equal(tensors_of(*to).at("backbone.bottom_up." + weight),
                        tensors_of(*from).at("backbone.net." + weight)));
}

TEST_F(TakeWeights, RefusesAnEncoderOfOtherSizes) {
  const auto from = random_detector(config_of("alpha", 64, 2), 0.7);
  DetectorConfig wider = config_of("alpha", 64, 2);
  wider.encoder.depth = {1, 1, 4};
  const auto to = random_detector(wider, 0.3);
  const fs::path file = save(*from, {"a", "b"});
  try {
    take_weights(file, *to, InChansInit::mean, categories({"a", "b"}));
    ADD_FAILURE() << "taken";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("lacks the encoder tensor 'blocks3.3."));
  }
}

TEST_F(TakeWeights, SettingsAreTheDetectorsOwn) {
  DetectorConfig config = config_of("alpha", 64, 2);
  config.windowed_blocks = {};
  const auto settings = detector_settings(save(*random_detector(config, 0.7), {"a", "b"}));
  EXPECT_EQ(settings.at("out_channels"), 8);
  EXPECT_EQ(settings.at("img_size"), (nlohmann::ordered_json{64, 64}));
  EXPECT_EQ(settings.at("windowed_blocks"), "none");
  EXPECT_FALSE(settings.contains("num_classes"));
  EXPECT_EQ(settings.at("mean").size(), 3);
}

}  // namespace
}  // namespace convmae
