#include "convmae/checkpoint/position_transfer.h"

#include "convmae/base/error.h"
#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/features/feature_model.h"
#include "convmae/model/encoder/position_embedding.h"
#include "convmae/model/encoder/position_resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_model.h"

namespace convmae {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr const char* kTable = "blocks3.0.attn.relative_position_bias_table";

class PositionTransferTest : public testing::Test {
 protected:
  static ModelConfig config(PositionEncoding position) {
    ModelConfig config = tiny_config();
    config.encoder.position = position;
    return config;
  }

  /// Writes a pretrained model whose tables are none that a new one has.
  std::shared_ptr<PretrainModel> write(PositionEncoding position) const {
    auto model = make_pretrain_model(config(position));
    model->initialise(1);
    const at::NoGradGuard no_grad;
    for (const auto& p : model->named_parameters()) {
      if (is_relative_table(p.key())) p.value().normal_();
    }
    CheckpointInfo info = tiny_info();
    info.model = config(position);
    save_weights(file_, *model, info);
    return model;
  }

  Classifier classifier(PositionEncoding position, Size size = {32, 48}) const {
    ClassifierConfig wanted;
    wanted.encoder = config(position).encoder;
    wanted.encoder.img_size = size;
    wanted.num_classes = 3;
    Classifier made(wanted);
    made.initialise(2);
    return made;
  }

  ScratchDirectory scratch_;
  std::filesystem::path file_ = scratch_.path() / "w.safetensors";
};

TEST_F(PositionTransferTest, TablesComeAsTheyAre) {
  const auto model = write(PositionEncoding::relative);
  const at::Tensor table = model->named_parameters()[kTable];
  Classifier tuned = classifier(PositionEncoding::relative);
  EXPECT_THAT(initialise_classifier(file_, tuned, InChansInit::mean).text,
              Not(HasSubstr("position")));
  EXPECT_TRUE(at::equal(tuned.named_parameters()[kTable], table));
  EXPECT_TRUE(same_parameters(*load_model(file_).model, *model));
  const auto settings = encoder_settings(file_);
  EXPECT_EQ(settings.at("position"), "relative");
  const auto encoder = FeatureModel::load(file_);
  EXPECT_TRUE(at::equal(encoder.module().named_parameters()[kTable], table));
}

TEST_F(PositionTransferTest, TablesOfAnotherGridAreInterpolated) {
  const at::Tensor table = write(PositionEncoding::relative)->named_parameters()[kTable];
  const at::Tensor expected = resize_relative_positions(table, {2, 3}, {4, 3});
  Classifier tuned = classifier(PositionEncoding::relative, {64, 48});
  EXPECT_THAT(initialise_classifier(file_, tuned, InChansInit::mean).text,
              HasSubstr("; relative positions of a 2x3 grid interpolated to 4x3"));
  EXPECT_TRUE(at::equal(tuned.named_parameters()[kTable], expected));

  ModelConfig larger = config(PositionEncoding::relative);
  larger.encoder.img_size = {64, 48};
  const auto pretrained = make_pretrain_model(larger);
  pretrained->initialise(3);
  EXPECT_THAT(initialise_from(file_, *pretrained).text(), HasSubstr("interpolated to 4x3\n"));
  EXPECT_TRUE(at::equal(pretrained->named_parameters()[kTable], expected));
}

TEST_F(PositionTransferTest, FromATableToTables) {
  write(PositionEncoding::sincos);
  Classifier tuned = classifier(PositionEncoding::relative);
  const std::string notes =
      "; new: tables of relative positions, which the file lacks; left out: "
      "the file's table of positions";
  EXPECT_THAT(initialise_classifier(file_, tuned, InChansInit::mean).text, HasSubstr(notes));
  EXPECT_EQ(tuned.named_parameters()[kTable].abs().max().item<float>(), 0);
  const auto model = make_pretrain_model(config(PositionEncoding::relative));
  model->initialise(3);
  const InitReport report = initialise_from(file_, *model);
  EXPECT_THAT(report.text(), HasSubstr(notes + "\nnothing is new"));
  EXPECT_TRUE(report.unused.empty());
}

TEST_F(PositionTransferTest, FromTablesToATable) {
  write(PositionEncoding::relative);
  Classifier tuned = classifier(PositionEncoding::sincos);
  const std::string left_out = "; left out: the file's tables of relative positions";
  EXPECT_THAT(initialise_classifier(file_, tuned, InChansInit::mean).text,
              HasSubstr("; new: the fixed table of positions, which the file lacks" + left_out));
  EXPECT_TRUE(at::equal(tuned.named_parameters()["pos_embed"][0],
                        sincos_position_table(16, {2, 3}, false)));
  const auto model = make_pretrain_model(config(PositionEncoding::sincos));
  model->initialise(3);
  const InitReport report = initialise_from(file_, *model);
  EXPECT_THAT(report.text(), HasSubstr(left_out));
  EXPECT_TRUE(report.unused.empty());
}

TEST_F(PositionTransferTest, WithoutPositionsThereIsNothingToTake) {
  const auto model = write(PositionEncoding::none);
  EXPECT_EQ(encoder_settings(file_).at("position"), "none");
  EXPECT_TRUE(same_parameters(*load_model(file_).model, *model));
  EXPECT_FALSE(FeatureModel::load(file_).module().named_parameters().contains("pos_embed"));
  Classifier tuned = classifier(PositionEncoding::none, {64, 64});
  EXPECT_THAT(initialise_classifier(file_, tuned, InChansInit::mean).text,
              Not(HasSubstr("position")));
}

/// What earlier versions wrote of a model without positions has a table of zeros.
TEST_F(PositionTransferTest, AnEarlierTableOfZerosIsPassedOver) {
  const auto model = write(PositionEncoding::none);
  NamedTensors tensors = named_tensors(*model);
  tensors.emplace_back("pos_embed", at::zeros({1, 6, 16}));
  CheckpointInfo info = tiny_info();
  info.model = config(PositionEncoding::none);
  write_checkpoint(file_, CheckpointKind::weights, tensors, info, {});
  EXPECT_TRUE(same_parameters(*load_model(file_).model, *model));
}

TEST_F(PositionTransferTest, AClaimOfTablesIsComparedWithTheFile) {
  const auto model = write(PositionEncoding::sincos);
  CheckpointInfo info = tiny_info();
  info.model = config(PositionEncoding::relative);
  save_weights(file_, *model, info);
  const auto refused = ThrowsMessage<UserError>(HasSubstr("lacks the tensor"));
  EXPECT_THAT([&] { load_model(file_); }, refused);
  EXPECT_THAT([&] { FeatureModel::load(file_); }, refused);
  EXPECT_THAT([&] { encoder_settings(file_); }, refused);
  write(PositionEncoding::relative);
  Classifier other = [&] {
    ClassifierConfig wanted{config(PositionEncoding::relative).encoder, Pool::mean,
                            ClassifierHead::linear, 3};
    wanted.encoder.num_heads = 4;
    Classifier made(wanted);
    made.initialise(2);
    return made;
  }();
  EXPECT_THAT([&] { initialise_classifier(file_, other, InChansInit::mean); },
              ThrowsMessage<UserError>(HasSubstr(kTable)));
}

}  // namespace
}  // namespace convmae
