#include "convmae/train/training_checkpoint.h"

#include "convmae/base/error.h"
#include "convmae/base/random.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/train/run/run_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_model.h"
#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>

namespace convmae {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class TrainingCheckpoint : public testing::Test {
 protected:
  static TrainingState some_state() {
    TrainingState state;
    state.position = {.epoch = 2,
                      .step = 3,
                      .global_step = 13,
                      .loss_sum = 0.1 + 0.2,
                      .loss_count = 6,
                      .skipped = 4,
                      .skipped_in_a_row = 2,
                      .skipped_in_epoch = 1};
    state.identity = {.seed = 0xFFFFFFFFFFFFFFFF,
                      .unit = 8,
                      .units_per_step = 2,
                      .images = 99,
                      .image_names = "0123",
                      .image_classes = "4567",
                      .annotations = "89ab"};
    state.device = "cuda";
    state.gemm = "aten";
    state.threads = 3;
    state.precision = "bf16";
    return state;
  }

  void save() {
    train_a_little(*model_, optimizer_, 3);
    save_training_checkpoint(file_, *model_, optimizer_, tiny_info(), some_state());
  }

  std::string content() const {
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  void write(const std::string& text) const {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << text;
  }

  ScratchDirectory scratch_;
  std::filesystem::path file_ = scratch_.path() / "c.safetensors";
  std::shared_ptr<PretrainModel> model_ = tiny_model(1);
  AdamW optimizer_{weight_decay_groups(*model_, 0.05), {}};
};

TEST_F(TrainingCheckpoint, RefusesCountsThatNoRunHas) {
  const nlohmann::ordered_json good = to_json(some_state());
  EXPECT_EQ(training_state_from_json(good).position, some_state().position);
  for (const char* const name :
       {"epoch", "step", "global_step", "loss_count", "skipped", "skipped_in_a_row",
        "skipped_in_epoch", "batch_size", "accum_iter", "images", "threads"}) {
    for (const nlohmann::ordered_json& value :
         {nlohmann::ordered_json(-1), nlohmann::ordered_json(std::int64_t{1} << 62),
          nlohmann::ordered_json(0xFFFFFFFFFFFFFFFF), nlohmann::ordered_json(1e300),
          nlohmann::ordered_json(0.5)}) {
      nlohmann::ordered_json bad = good;
      bad[name] = value;
      EXPECT_THROW(training_state_from_json(bad), UserError) << name << " " << value;
    }
  }
}

TEST_F(TrainingCheckpoint, GivesBackModelOptimizerAndState) {
  save();
  const auto model = tiny_model(2);
  AdamW optimizer(weight_decay_groups(*model, 0.05), {});
  ASSERT_FALSE(same_parameters(*model, *model_));
  const CheckpointFile file(file_);
  restore_training_checkpoint(file, *model, optimizer);
  EXPECT_TRUE(same_parameters(*model, *model_));
  for (std::size_t i = 0; i < optimizer.states().size(); ++i) {
    const AdamW::NamedState& expected = optimizer_.states()[i];
    const AdamW::NamedState& found = optimizer.states()[i];
    EXPECT_TRUE(at::equal(found.state.exp_avg, expected.state.exp_avg)) << found.name;
    EXPECT_TRUE(at::equal(found.state.exp_avg_sq, expected.state.exp_avg_sq)) << found.name;
    EXPECT_EQ(found.state.step.item<float>(), 3) << found.name;
  }
  const TrainingState state = training_state(file);
  EXPECT_EQ(state.position, some_state().position);
  EXPECT_EQ(state.identity, some_state().identity);
  EXPECT_EQ(state.device, "cuda");
  EXPECT_EQ(state.gemm, "aten");
  EXPECT_EQ(state.precision, "bf16");
  EXPECT_EQ(state.threads, 3);
  EXPECT_EQ(file.info().model, tiny_config());
  EXPECT_EQ(file.info().preprocessing, tiny_info().preprocessing);
  EXPECT_EQ(file.info().provenance.at("seed"), 3);
}

TEST_F(TrainingCheckpoint, TheStateOfAnEarlierVersionIsRead) {
  nlohmann::ordered_json json = to_json(some_state());
  for (const char* const key : {"image_names", "image_classes", "annotations", "device"}) {
    json.erase(key);
  }
  json["score"] = nullptr;  // which then stood for a loss that was not finite
  const TrainingState state = training_state_from_json(json);
  EXPECT_EQ(state.position, some_state().position);
  EXPECT_EQ(state.identity.image_names, "");
  EXPECT_EQ(state.identity.annotations, "");
  EXPECT_EQ(state.device, "cpu");
  EXPECT_NO_THROW(check_identity(state.identity, some_state().identity));
  EXPECT_THROW(check_identity(some_state().identity, state.identity), UserError);
}

TEST_F(TrainingCheckpoint, APositionIsOneThatARunCanHave) {
  const auto check = [](std::int64_t epoch, std::int64_t step, std::int64_t global_step) {
    check_position({.epoch = epoch, .step = step, .global_step = global_step}, 5, "x");
  };
  EXPECT_NO_THROW(check(0, 0, 0));
  EXPECT_NO_THROW(check(2, 5, 15));
  EXPECT_THROW(check(2, 6, 16), UserError);
  EXPECT_THROW(check(2, -1, 9), UserError);
  EXPECT_THROW(check(-1, 0, -5), UserError);
  EXPECT_THROW(check(2, 3, 14), UserError);
  EXPECT_THROW(check(std::numeric_limits<std::int64_t>::max(), 0, 0), UserError);
}

/// Runs without fusion used to carry its parameters, which nothing trained, and their state.
TEST_F(TrainingCheckpoint, WithParametersOfAFusionThatIsOffContinues) {
  train_a_little(*model_, optimizer_, 3);
  CheckpointInfo info = tiny_info();
  info.model.encoder.fusion = false;
  save_training_checkpoint(file_, *model_, optimizer_, info, some_state());
  const auto model = make_pretrain_model(info.model);
  AdamW optimizer(weight_decay_groups(*model, 0.05), {});
  restore_training_checkpoint(CheckpointFile(file_), *model, optimizer);
  const LoadedModel loaded = load_model(file_);
  for (const auto& parameter : model->named_parameters()) {
    const at::Tensor expected = model_->named_parameters()[parameter.key()];
    EXPECT_TRUE(at::equal(parameter.value(), expected)) << parameter.key();
    EXPECT_TRUE(at::equal(loaded.model->named_parameters()[parameter.key()], expected))
        << parameter.key();
  }
  EXPECT_EQ(optimizer.states().size() + 4, optimizer_.states().size());
  for (const AdamW::NamedState& found : optimizer.states()) {
    const auto expected =
        std::ranges::find(optimizer_.states(), found.name, &AdamW::NamedState::name);
    ASSERT_NE(expected, optimizer_.states().end()) << found.name;
    EXPECT_TRUE(at::equal(found.state.exp_avg, expected->state.exp_avg)) << found.name;
  }
}

TEST_F(TrainingCheckpoint, ContinuesToTheLastBit) {
  save();
  const auto model = tiny_model(2);
  AdamW optimizer(weight_decay_groups(*model, 0.05), {});
  restore_training_checkpoint(CheckpointFile(file_), *model, optimizer);
  train_a_little(*model_, optimizer_, 4);
  train_a_little(*model, optimizer, 4);
  EXPECT_TRUE(same_parameters(*model, *model_));
}

TEST_F(TrainingCheckpoint, EveryFlippedBitIsNoticed) {
  save();
  const std::string intact = content();
  CounterRandom random(5, 0, 0, Purpose::order);
  for (int trial = 0; trial < 200; ++trial) {
    std::string damaged = intact;
    // Every other one in the header, which is small beside the tensors.
    const std::uint64_t range = trial % 2 == 0 ? intact.size() : std::uint64_t{4096};
    const auto position = static_cast<std::size_t>(random.below(range));
    damaged[position] = static_cast<char>(damaged[position] ^ (1 << random.below(8)));
    write(damaged);
    EXPECT_THROW(CheckpointFile{file_}, UserError) << "byte " << position;
  }
}

TEST_F(TrainingCheckpoint, EveryShortenedFileIsNoticed) {
  save();
  const std::string intact = content();
  for (std::size_t part = 0; part < 20; ++part) {
    write(intact.substr(0, intact.size() * part / 20));
    EXPECT_THROW(CheckpointFile{file_}, UserError) << "part " << part;
  }
}

TEST_F(TrainingCheckpoint, AnotherModelIsNamed) {
  save();
  CheckpointInfo asked = tiny_info();
  asked.model.decoder.depth = 2;
  const CheckpointFile file(file_);
  EXPECT_THAT([&] { check_model(file.info(), asked); },
              ThrowsMessage<UserError>(HasSubstr("decoder_depth 1, asked for 2")));
}

TEST_F(TrainingCheckpoint, AFileOfWeightsIsForInit) {
  write_checkpoint(file_, CheckpointKind::weights, named_tensors(*model_), tiny_info(), {});
  EXPECT_THAT([&] { training_state(CheckpointFile(file_)); },
              ThrowsMessage<UserError>(HasSubstr("--init")));
}

}  // namespace
}  // namespace convmae
