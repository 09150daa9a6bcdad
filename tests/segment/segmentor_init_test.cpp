#include "convmae/segment/segmentor_init.h"

#include "convmae/base/error.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/model/encoder/encoder.h"
#include "convmae/segment/segmentor_checkpoint.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/small_segmentor.h"
#include "support/tiny_model.h"
#include <filesystem>
#include <string>
#include <vector>

namespace convmae {
namespace {

using testing::HasSubstr;

LabelScheme scheme_with(const std::vector<std::string>& names) {
  std::vector<LabelScheme::Class> classes(names.size());
  for (std::size_t k = 0; k < names.size(); ++k) {
    classes[k] = {names[k], {static_cast<std::int32_t>(k)}};
  }
  return {std::move(classes), {}};
}

SegmentorConfig segmentor_of(std::int64_t classes, Size size = {64, 64}) {
  SegmentorConfig config = small_segmentor_config();
  config.encoder.img_size = size;
  config.num_classes = classes;
  return config;
}

class SegmentorInit : public testing::Test {
 protected:
  void write_segmentor(const std::vector<std::string>& names) const {
    const SegmentorConfig config = segmentor_of(std::ssize(names));
    const auto segmentor = random_segmentor(config);
    CheckpointInfo info;
    info.model.encoder = config.encoder;
    info.preprocessing = default_preprocessing(3, config.encoder.img_size);
    info.task = task_of(config, scheme_with(names), {{300, 200}, {42, 42}});
    save_weights(file_, *segmentor, info);
  }

  /// What pretraining leaves: an encoder.
  void write_encoder() const {
    EncoderConfig config = segmentor_of(2, {32, 32}).encoder;
    Encoder encoder(config);
    randomise(encoder, 3);
    CheckpointInfo info;
    info.model.encoder = config;
    info.preprocessing = {{0.1, 0.2, 0.3}, {0.4, 0.5, 0.6}, {32, 32}};
    save_weights(file_, encoder, info);
  }

  static at::Tensor parameter(const Segmentor& segmentor, const std::string& name) {
    return segmentor.named_parameters()[name].detach();
  }

  ScratchDirectory scratch_;
  std::filesystem::path file_ = scratch_.path() / "weights.safetensors";
};

TEST_F(SegmentorInit, CarriesRowsOfClassesOfTheSameName) {
  write_segmentor({"sea", "ice", "sand"});
  const auto source = random_segmentor(segmentor_of(3));
  const auto held_segmentor = std::make_shared<Segmentor>(segmentor_of(4));
  Segmentor& segmentor = *held_segmentor;
  segmentor.initialise(1);
  const at::Tensor fresh = parameter(segmentor, "decode_head.conv_seg.weight").clone();
  const std::string text = initialise_segmentor(file_, segmentor, InChansInit::mean,
                                                scheme_with({"wood", "sand", "sea", "road"}));
  for (const char* const head : {"decode_head", "auxiliary_head"}) {
    for (const char* const part : {".conv_seg.weight", ".conv_seg.bias"}) {
      const at::Tensor found = parameter(segmentor, std::string(head) + part);
      const at::Tensor had = parameter(*source, std::string(head) + part);
      EXPECT_TRUE(at::equal(found[1], had[2]));
      EXPECT_TRUE(at::equal(found[2], had[0]));
    }
  }
  EXPECT_TRUE(at::equal(parameter(segmentor, "decode_head.conv_seg.weight")[0], fresh[0]));
  EXPECT_TRUE(at::equal(parameter(segmentor, "decode_head.conv_seg.weight")[3], fresh[3]));
  const NamedTensors all = named_tensors(segmentor);
  const NamedTensors had = named_tensors(*source);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].first.find("conv_seg") != std::string::npos) continue;
    EXPECT_TRUE(at::equal(all[i].second, had[i].second)) << all[i].first;
  }
  EXPECT_THAT(text, HasSubstr("has 2 of the 4 classes, new: 'wood' and 'road'"));
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(text.find("left out"), std::string::npos);
}

TEST_F(SegmentorInit, TakesAnEncoderOfAnotherGrid) {
  write_encoder();
  const auto held_segmentor = std::make_shared<Segmentor>(segmentor_of(4));
  Segmentor& segmentor = *held_segmentor;
  segmentor.initialise(1);
  const at::Tensor head = parameter(segmentor, "decode_head.bottleneck.conv.weight").clone();
  const std::string text =
      initialise_segmentor(file_, segmentor, InChansInit::mean, scheme_with({"a", "b", "c", "d"}));
  Encoder encoder(segmentor_of(2, {32, 32}).encoder);
  randomise(encoder, 3);
  for (const char* const name :
       {"patch_embed1.proj.weight", "blocks1.0.conv1.weight", "blocks3.1.attn.qkv.weight"}) {
    EXPECT_TRUE(at::equal(parameter(segmentor, std::string("backbone.") + name),
                          encoder.named_parameters()[name]))
        << name;
  }
  EXPECT_TRUE(at::equal(parameter(segmentor, "decode_head.bottleneck.conv.weight"), head));
  EXPECT_THAT(text, HasSubstr("2x2 grid interpolated to 4x4"));

  const nlohmann::ordered_json settings = segmentor_settings(file_);
  EXPECT_EQ(settings.at("depth"), (std::vector<std::int64_t>{1, 1, 2}));
  EXPECT_EQ(settings.at("mean"), (std::vector<double>{0.1, 0.2, 0.3}));
  EXPECT_FALSE(settings.contains("input_size"));
}

TEST_F(SegmentorInit, TellsTheSizesOfASegmentor) {
  write_segmentor({"sea", "ice"});
  const nlohmann::ordered_json settings = segmentor_settings(file_);
  EXPECT_EQ(settings.at("head_channels"), 5);
  EXPECT_EQ(settings.at("aux_channels"), 4);
  EXPECT_EQ(settings.at("embed_dim"), (std::vector<std::int64_t>{6, 10, 16}));
  EXPECT_EQ(settings.at("relative_position"), "per_block");
}

TEST_F(SegmentorInit, AdaptsTheFirstConvolution) {
  write_segmentor({"sea", "ice"});
  SegmentorConfig config = segmentor_of(2);
  config.encoder.in_chans = 1;
  const auto held_segmentor = std::make_shared<Segmentor>(config);
  Segmentor& segmentor = *held_segmentor;
  segmentor.initialise(1);
  const std::string text =
      initialise_segmentor(file_, segmentor, InChansInit::mean, scheme_with({"sea", "ice"}));
  EXPECT_THAT(text, HasSubstr("3 channels in the file, here 1"));
  const at::Tensor had =
      parameter(*random_segmentor(segmentor_of(2)), "backbone.patch_embed1.proj.weight");
  EXPECT_TRUE(at::allclose(parameter(segmentor, "backbone.patch_embed1.proj.weight"),
                           had.sum(1, /*keepdim=*/true)));
}

TEST_F(SegmentorInit, RefusesAnotherEncoder) {
  write_encoder();
  SegmentorConfig config = segmentor_of(2);
  config.encoder.depth = {1, 1, 3};
  const auto held_deeper = std::make_shared<Segmentor>(config);
  Segmentor& deeper = *held_deeper;
  EXPECT_THROW(initialise_segmentor(file_, deeper, InChansInit::mean, scheme_with({"sea", "ice"})),
               UserError);
}

}  // namespace
}  // namespace convmae
