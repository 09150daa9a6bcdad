#include "convmae/checkpoint/weights.h"

#include "convmae/base/error.h"
#include "convmae/train/training_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_model.h"
#include <functional>
#include <vector>

namespace convmae {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class Weights : public testing::Test {
 protected:
  /// Writes those tensors of the model whose names `keep` accepts.
  void write(const std::function<bool(const std::string&)>& keep) {
    NamedTensors tensors = named_tensors(*model_);
    std::erase_if(tensors, [&](const auto& item) { return !keep(item.first); });
    write_checkpoint(file_, CheckpointKind::weights, tensors, tiny_info(), {});
  }
  static bool is_decoder(const std::string& name) {
    return name.starts_with("decoder_") || name == "mask_token";
  }

  ScratchDirectory scratch_;
  std::filesystem::path file_ = scratch_.path() / "w.safetensors";
  std::shared_ptr<PretrainModel> model_ = tiny_model(1);
};

TEST_F(Weights, RebuildTheModel) {
  save_weights(file_, *model_, tiny_info());
  const LoadedModel loaded = load_model(file_);
  EXPECT_TRUE(same_parameters(*loaded.model, *model_));
  EXPECT_EQ(loaded.info.preprocessing, tiny_info().preprocessing);
}

TEST_F(Weights, InitTakesAllOfThem) {
  save_weights(file_, *model_, tiny_info());
  const auto model = tiny_model(2);
  const InitReport report = initialise_from(file_, *model);
  EXPECT_TRUE(same_parameters(*model, *model_));
  EXPECT_EQ(report.missing_decoder, 0);
  EXPECT_TRUE(report.unused.empty());
}

TEST_F(Weights, AnEncoderAloneLeavesTheDecoderAsItWas) {
  write([](const std::string& name) { return !is_decoder(name); });
  const auto model = tiny_model(2);
  const auto untouched = tiny_model(2);
  const InitReport report = initialise_from(file_, *model);
  EXPECT_GT(report.missing_decoder, 10);
  EXPECT_THAT(report.text(), HasSubstr("decoder"));
  const auto after = named_tensors(*model);
  const auto before = named_tensors(*untouched);
  const auto given = named_tensors(*model_);
  for (std::size_t i = 0; i < after.size(); ++i) {
    const auto& expected = is_decoder(after[i].first) ? before[i].second : given[i].second;
    EXPECT_TRUE(at::equal(after[i].second, expected)) << after[i].first;
  }
}

TEST_F(Weights, WithoutAnyEncoderTensorAreRefused) {
  write(is_decoder);
  EXPECT_THAT([&] { initialise_from(file_, *tiny_model(2)); },
              ThrowsMessage<UserError>(HasSubstr("no tensor")));
}

TEST_F(Weights, WithAHoleInTheEncoderAreRefusedByName) {
  write([](const std::string& name) { return name != "blocks3.0.attn.qkv.weight"; });
  EXPECT_THAT([&] { initialise_from(file_, *tiny_model(2)); },
              ThrowsMessage<UserError>(HasSubstr("blocks3.0.attn.qkv.weight")));
}

TEST_F(Weights, OfAnotherImageSizeKeepTheModelsPositions) {
  save_weights(file_, *model_, tiny_info());
  ModelConfig config = tiny_config();
  config.encoder.img_size = {64, 64};
  const auto model = make_pretrain_model(config);
  model->initialise(2);
  initialise_from(file_, *model);
  EXPECT_EQ(model->named_parameters()["pos_embed"].size(1), 16);
}

TEST_F(Weights, OfHalfPrecisionAreWidened) {
  NamedTensors tensors = named_tensors(*model_);
  for (auto& [name, tensor] : tensors) tensor = tensor.detach().to(at::kBFloat16);
  write_checkpoint(file_, CheckpointKind::weights, tensors, tiny_info(), {});
  const auto model = tiny_model(2);
  initialise_from(file_, *model);
  const at::Tensor weight = model->named_parameters()["blocks3.0.attn.qkv.weight"];
  const at::Tensor given = model_->named_parameters()["blocks3.0.attn.qkv.weight"];
  EXPECT_EQ(weight.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(weight, given.to(at::kBFloat16).to(at::kFloat)));
}

TEST_F(Weights, ThatAreReadIntoALiveModelOfBfloat16AreWhatItComputesWith) {
  const at::Tensor images =
      at::sin(at::arange(2 * 3 * 32 * 48)).to(at::kFloat).view({2, 3, 32, 48});
  const at::Tensor noise = at::cos(at::arange(12)).to(at::kFloat).view({2, 6}) * 0.4 + 0.5;
  const auto loss_of = [&](PretrainModel& model) {
    model.use({.type = at::kBFloat16});
    return model.forward(images, noise, Predict::removed).loss.item<double>();
  };
  save_weights(file_, *model_, tiny_info());
  const auto model = tiny_model(2);
  EXPECT_NE(loss_of(*model), loss_of(*model_));
  const NamedTensors tensors = named_tensors(*model);
  std::vector<std::int64_t> versions;
  versions.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) versions.push_back(tensor._version());
  initialise_from(file_, *model);
  EXPECT_EQ(loss_of(*model), loss_of(*model_));
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].second.requires_grad()) continue;  // positions that every model has
    EXPECT_GT(tensors[i].second._version(), versions[i]) << tensors[i].first;
  }
}

TEST_F(Weights, ATrainingCheckpointIsForResume) {
  AdamW optimizer(weight_decay_groups(*model_, 0), {});
  save_training_checkpoint(file_, *model_, optimizer, tiny_info(), {});
  EXPECT_THAT([&] { initialise_from(file_, *tiny_model(2)); },
              ThrowsMessage<UserError>(HasSubstr("--resume")));
  EXPECT_THAT([&] { initialise_from(scratch_.path(), *tiny_model(2)); },
              ThrowsMessage<UserError>(HasSubstr("--resume")));
}

}  // namespace
}  // namespace convmae
