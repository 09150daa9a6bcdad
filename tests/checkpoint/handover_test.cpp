#include "convmae/checkpoint/handover.h"

#include "convmae/base/error.h"
#include "convmae/checkpoint/convert_weights.h"
#include "convmae/optim/param_groups.h"
#include "convmae/train/training_checkpoint.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/tiny_model.h"
#include <algorithm>
#include <memory>
#include <vector>

namespace convmae {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using Json = nlohmann::ordered_json;

/// A training run of the published code that was recorded: its inputs, and what it came to.
class RecordedRun {
 public:
  ModelConfig model_config() const {
    ModelConfig config;
    config.encoder.img_size = {config_.at("img_size"), config_.at("img_size")};
    config_.at("embed_dim").get_to(config.encoder.embed_dim);
    config_.at("depth").get_to(config.encoder.depth);
    config_.at("mlp_ratio").get_to(config.encoder.mlp_ratio);
    config_.at("num_heads").get_to(config.encoder.num_heads);
    config_.at("decoder_embed_dim").get_to(config.decoder.embed_dim);
    config_.at("decoder_depth").get_to(config.decoder.depth);
    config_.at("decoder_num_heads").get_to(config.decoder.num_heads);
    config_.at("mask_ratio").get_to(config.masking.ratio);
    config_.at("norm_pix_loss").get_to(config.decoder.norm_pix_loss);
    return config;
  }

  AdamW optimizer_for(const PretrainModel& model) const {
    return {weight_decay_groups(model, config_.at("weight_decay").get<double>()),
            {.beta1 = config_.at("betas")[0], .beta2 = config_.at("betas")[1]}};
  }

  std::shared_ptr<PretrainModel> untrained_model() const {
    auto model = make_pretrain_model(model_config());
    const at::NoGradGuard no_grad;
    for (const auto& item : model->named_parameters())
      item.value().copy_(at("param." + item.key()));
    return model;
  }

  std::int64_t steps() const { return config_.at("steps"); }

  /// Takes one of the recorded steps.
  void take_step(std::int64_t step, PretrainModel& model, AdamW& optimizer) const {
    const auto accum_iter = config_.at("accum_iter").get<std::int64_t>();
    for (std::int64_t micro = 0; micro < accum_iter; ++micro) {
      const at::Tensor noise = at("in.noise").select(0, step * accum_iter + micro);
      const at::Tensor loss = model.forward(at("in.imgs"), noise, Predict::removed).loss;
      (loss / static_cast<double>(accum_iter)).backward();
    }
    optimizer.step(config_.at("lr_used").at(static_cast<std::size_t>(step)));
    optimizer.zero_grad();
  }

  at::Tensor at(const std::string& name) const {
    const TensorView& view = file_.at(name);
    at::Tensor tensor = at::empty(view.shape);
    file_.read(view, {static_cast<std::byte*>(tensor.mutable_data_ptr()), tensor.nbytes()});
    return tensor;
  }

  /// The recorded value of a parameter or its average at the end, within the rounding of the code
  /// that recorded it. Keys of an attention have no gradient but noise in their biases.
  void expect_close(const at::Tensor& found, const std::string& name) const {
    at::Tensor expected = at(name);
    at::Tensor actual = found;
    if (name.ends_with("attn.qkv.bias")) {
      const auto dim = expected.size(0) / 3;
      const auto without_keys = [&](const at::Tensor& bias) {
        return at::cat({bias.narrow(0, 0, dim), bias.narrow(0, 2 * dim, dim)});
      };
      expected = without_keys(expected);
      actual = without_keys(actual);
    }
    const double rounding = rounding_.contains(name) ? rounding_.at(name)[0].get<double>() : 0.0;
    const double tolerance = std::max(1e-4 * expected.abs().max().item<double>(), 10 * rounding);
    EXPECT_LE((expected - actual).abs().max().item<double>(), tolerance) << name;
  }

 private:
  SafetensorsFile file_{CONVMAE_SOURCE_DIR "/tests/golden/convmae_train_64_accum.safetensors"};
  Json config_ = Json::parse(file_.metadata().at("config"));
  Json rounding_ = Json::parse(file_.metadata().at("dev64"));
};

ConversionOptions to_pth() {
  ConversionOptions options;
  options.to_pth = true;
  return options;
}

class HandoverTest : public testing::Test {
 protected:
  /// A `.pth` in the published layout, of the recorded run after all steps but the last.
  void write_checkpoint_before_the_last_step() {
    for (std::int64_t step = 0; step + 1 < run_.steps(); ++step) {
      run_.take_step(step, *model_, optimizer_);
    }
    const ModelConfig config = run_.model_config();
    const CheckpointInfo info{
        config,
        default_preprocessing(config.encoder.in_chans, config.encoder.img_size),
        {{"epoch", 3}}};
    const std::filesystem::path own = scratch_.path() / "own.safetensors";
    save_training_checkpoint(own, *model_, optimizer_, info, {}, pytorch_groups(optimizer_));
    convert_weights(own, pth_, to_pth());
  }

  void expect_the_recorded_end(const std::filesystem::path& file) {
    const auto model = tiny_model_like(*model_);
    AdamW optimizer = run_.optimizer_for(*model);
    Handover(file).restore(*model, optimizer);
    run_.take_step(run_.steps() - 1, *model, optimizer);
    for (const auto& item : model->named_parameters()) {
      if (item.value().requires_grad())
        run_.expect_close(item.value().detach(), "final." + item.key());
    }
    for (const auto& [name, state] : optimizer.states()) {
      run_.expect_close(state.exp_avg, "exp_avg." + name);
      run_.expect_close(state.exp_avg_sq, "exp_avg_sq." + name);
      EXPECT_EQ(state.step.item<float>(), static_cast<float>(run_.steps())) << name;
    }
  }

  static std::shared_ptr<PretrainModel> tiny_model_like(const PretrainModel& model) {
    auto other = make_pretrain_model(model.config());
    other->initialise(7);
    return other;
  }

  RecordedRun run_;
  ScratchDirectory scratch_;
  std::filesystem::path pth_ = scratch_.path() / "checkpoint.pth";
  std::shared_ptr<PretrainModel> model_ = run_.untrained_model();
  AdamW optimizer_ = run_.optimizer_for(*model_);
};

TEST_F(HandoverTest, TheRecordedRunGoesOnFromAPublishedCheckpoint) {
  write_checkpoint_before_the_last_step();
  expect_the_recorded_end(pth_);
}

TEST_F(HandoverTest, TheRecordedRunGoesOnFromAConvertedCheckpoint) {
  write_checkpoint_before_the_last_step();
  const std::filesystem::path converted = scratch_.path() / "converted.safetensors";
  convert_weights(pth_, converted, {});
  expect_the_recorded_end(converted);
}

TEST_F(HandoverTest, KnowsEpochAndSettings) {
  write_checkpoint_before_the_last_step();
  const Handover handover(pth_);
  EXPECT_EQ(handover.epochs_done(), 3);
  const Json settings = handover.settings();
  EXPECT_EQ(settings.at("embed_dim"), Json(run_.model_config().encoder.embed_dim));
  EXPECT_EQ(settings.at("num_heads"), run_.model_config().encoder.num_heads);
  EXPECT_EQ(settings.at("weight_decay"), 0.05);
  EXPECT_EQ(settings.at("beta2"), 0.95);
}

TEST_F(HandoverTest, WeightsAloneAreNotEnough) {
  write_checkpoint_before_the_last_step();
  const std::filesystem::path weights = scratch_.path() / "weights.pth";
  ConversionOptions options = to_pth();
  options.optimizer = false;
  convert_weights(pth_, weights, options);
  EXPECT_THAT([&] { Handover{weights}; },
              ThrowsMessage<UserError>(HasSubstr("no optimizer state")));
}

TEST_F(HandoverTest, AnotherModelIsNamed) {
  write_checkpoint_before_the_last_step();
  const auto model = tiny_model(1);
  const AdamW optimizer(weight_decay_groups(*model, 0.05), {});
  EXPECT_THAT([&] { Handover(pth_).restore(*model, optimizer); },
              ThrowsMessage<UserError>(HasSubstr("the model that the file was made for")));
}

}  // namespace
}  // namespace convmae
