#include "convmae/detect/published_detector.h"

#include "convmae/base/error.h"
#include "convmae/io/safetensors/safetensors.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/small_detectors.h"
#include <filesystem>
#include <unistd.h>

namespace convmae {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// With the encoder of a named model, and little behind it.
DetectorConfig tiny_detector(const std::string& name) {
  DetectorConfig config = detector_preset(name, "tiny");
  config.encoder.img_size = {256, 256};
  if (name == "alpha") config.position_img_size = config.encoder.img_size;
  config.window.side = 8;
  config.out_channels = 16;
  config.proposals.conv_dims =
      name == "alpha" ? std::vector<std::int64_t>{16} : std::vector<std::int64_t>{16, 12};
  config.roi.box_conv_dims = {16, 12};
  config.roi.box_fc_dims = {24};
  config.roi.box_pool = 5;
  config.roi.mask_conv_dims = {12, 8};
  config.num_classes = 3;
  return config;
}

class PublishedDetector : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  /// A file with these tensors and what published files have beside them.
  WeightFile write(const NamedTensors& tensors) {
    NamedTensors all = tensors;
    all.emplace_back("pixel_mean", at::zeros({3, 1, 1}));
    all.emplace_back("backbone.bottom_up.windowed_rel_pos_bias.relative_position_index",
                     at::zeros({64, 64}));
    std::vector<at::Tensor> alive;
    std::vector<TensorView> views;
    for (const auto& [name, tensor] : all) {
      const at::Tensor& own = alive.emplace_back(tensor.detach().contiguous());
      const auto bytes = static_cast<std::size_t>(own.numel()) * own.element_size();
      views.push_back({name,
                       own.scalar_type() == at::kLong ? DType::i64 : DType::f32,
                       own.sizes().vec(),
                       {static_cast<const std::byte*>(own.const_data_ptr()), bytes}});
    }
    const fs::path path = folder_ / "detector.safetensors";
    write_safetensors(path, views, {});
    return WeightFile(path);
  }

  fs::path folder_ = fs::temp_directory_path() / ("convmae_detector_" + std::to_string(getpid()));
};

TEST_F(PublishedDetector, IsWhatItsShapesSay) {
  for (const std::string& name : detector_names()) {
    const DetectorConfig config = tiny_detector(name);
    const auto detector = std::make_shared<Detector>(config);
    detector->initialise(3);
    const auto loaded = load_published_detector(write(named_tensors(*detector)));
    EXPECT_EQ(to_json(loaded->config()), to_json(config));
    const NamedTensors found = named_tensors(*loaded);
    const NamedTensors expected = named_tensors(*detector);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_TRUE(at::equal(found[i].second, expected[i].second)) << found[i].first;
    }
    EXPECT_FALSE(loaded->is_training());
  }
}

TEST_F(PublishedDetector, MayHaveNoMasks) {
  DetectorConfig config = tiny_detector("official");
  config.roi.masks = false;
  const auto detector = std::make_shared<Detector>(config);
  EXPECT_FALSE(load_published_detector(write(named_tensors(*detector)))->config().roi.masks);
}

TEST_F(PublishedDetector, IsRefusedIfItIsNotWhole) {
  const auto error_of = [this](const NamedTensors& tensors) -> std::string {
    try {
      load_published_detector(write(tensors));
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  const auto detector = std::make_shared<Detector>(tiny_detector("alpha"));
  NamedTensors lacking = named_tensors(*detector);
  std::erase_if(lacking, [](const auto& item) {
    return item.first == "roi_heads.box_head.conv2.norm.running_var";
  });
  EXPECT_THAT(error_of(lacking), HasSubstr("lacks the tensor 'roi_heads.box_head.conv2.norm"));
  std::erase_if(lacking, [](const auto& item) { return item.first.starts_with("roi_heads."); });
  EXPECT_THAT(error_of(lacking), HasSubstr("holds no detector"));
  const auto unnamed = std::make_shared<Detector>(small_detector("alpha"));
  EXPECT_THAT(error_of(named_tensors(*unnamed)), HasSubstr("no named model"));
}

}  // namespace
}  // namespace convmae
