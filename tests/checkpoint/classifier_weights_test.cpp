#include "convmae/checkpoint/classifier_weights.h"

#include "convmae/base/error.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/optim/weight_average.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_model.h"

namespace convmae {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

ClassifierConfig tiny_classifier_config() {
  ClassifierConfig config;
  config.encoder = tiny_config().encoder;
  config.num_classes = 3;
  return config;
}

class ClassifierWeights : public testing::Test {
 protected:
  void SetUp() override { save_weights(file_, *pretrained_, tiny_info()); }

  at::Tensor pretrained(const std::string& name) const {
    return pretrained_->named_parameters()[name];
  }

  ScratchDirectory scratch_;
  std::filesystem::path file_ = scratch_.path() / "w.safetensors";
  std::shared_ptr<PretrainModel> pretrained_ = tiny_model(1);
};

TEST_F(ClassifierWeights, TakeTheEncoderAndLeaveTheHeadNew) {
  Classifier classifier(tiny_classifier_config());
  classifier.initialise(2);
  const at::Tensor head = classifier.named_parameters()["head.weight"].clone();
  const ClassifierInit init = initialise_classifier(file_, classifier, InChansInit::mean);
  EXPECT_FALSE(init.head_taken);
  EXPECT_THAT(init.text, HasSubstr("new: head.weight"));
  const auto parameters = classifier.named_parameters();
  for (const char* const name : {"blocks3.0.attn.qkv.weight", "patch_embed1.proj.weight",
                                 "blocks1.0.attn.bias", "pos_embed"}) {
    EXPECT_TRUE(at::equal(parameters[name], pretrained(name))) << name;
  }
  EXPECT_TRUE(at::equal(parameters["head.weight"], head));
}

TEST_F(ClassifierWeights, PositionsFollowTheGrid) {
  ClassifierConfig config = tiny_classifier_config();
  config.encoder.img_size = {64, 48};
  Classifier classifier(config);
  classifier.initialise(2);
  EXPECT_THAT(initialise_classifier(file_, classifier, InChansInit::mean).text,
              HasSubstr("2x3 grid interpolated to 4x3"));
  EXPECT_EQ(classifier.named_parameters()["pos_embed"].size(1), 12);
}

TEST_F(ClassifierWeights, AFirstConvolutionForOtherChannels) {
  for (const std::int64_t channels : {1, 5}) {
    ClassifierConfig config = tiny_classifier_config();
    config.encoder.in_chans = channels;
    Classifier classifier(config);
    classifier.initialise(2);
    initialise_classifier(file_, classifier, InChansInit::mean);
    // A grey image, the same in all channels, gives what it gave before.
    EXPECT_TRUE(at::allclose(classifier.named_parameters()["patch_embed1.proj.weight"].sum(1),
                             pretrained("patch_embed1.proj.weight").sum(1), 1e-4, 1e-6));
  }
}

TEST_F(ClassifierWeights, AnotherModelIsRefused) {
  ClassifierConfig config = tiny_classifier_config();
  config.encoder.depth = {1, 1, 2};
  Classifier classifier(config);
  classifier.initialise(2);
  EXPECT_THAT([&] { initialise_classifier(file_, classifier, InChansInit::mean); },
              ThrowsMessage<UserError>(HasSubstr("blocks3.1")));
  EXPECT_THAT([&] { load_classifier(file_); },
              ThrowsMessage<UserError>(HasSubstr("holds no classifier")));
}

TEST_F(ClassifierWeights, AClassifierComesBackWithItsClasses) {
  Classifier classifier(tiny_classifier_config());
  classifier.initialise(2);
  CheckpointInfo info = tiny_info();
  info.task = task_of(classifier.config(), {"a", "b", "c"});
  write_checkpoint(file_, CheckpointKind::weights, named_tensors(classifier), info, {});
  const LoadedClassifier loaded = load_classifier(file_);
  EXPECT_EQ(loaded.classes, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(loaded.model->config(), classifier.config());
  EXPECT_EQ(loaded.preprocessing, tiny_info().preprocessing);
  const at::Tensor images = at::ones({1, 3, 32, 48});
  EXPECT_TRUE(at::equal(loaded.model->forward(images), classifier.forward(images)));
}

TEST_F(ClassifierWeights, AHeadIsTakenByTheNamesOfItsClasses) {
  Classifier trained(tiny_classifier_config());
  trained.initialise(2);
  CheckpointInfo info = tiny_info();
  info.task = task_of(trained.config(), {"0", "10", "2"});
  write_checkpoint(file_, CheckpointKind::weights, named_tensors(trained), info, {});
  const at::Tensor head = trained.named_parameters()["head.weight"];
  const auto taken = [&](const std::vector<std::string>& classes) {
    Classifier classifier(tiny_classifier_config());
    classifier.initialise(3);
    const ClassifierInit init =
        initialise_classifier(file_, classifier, InChansInit::mean, classes);
    return std::pair(init, classifier.named_parameters()["head.weight"].detach().clone());
  };
  const auto [same, rows] = taken({"0", "2", "10"});
  EXPECT_TRUE(same.head_taken);
  EXPECT_TRUE(at::equal(rows, head.index_select(0, at::tensor({0L, 2L, 1L}))));
  const auto [others, new_rows] = taken({"0", "2", "11"});
  EXPECT_FALSE(others.head_taken);
  EXPECT_THAT(others.text,
              HasSubstr("its head is for other classes: '0', '10' and '2'; new: head.weight"));
  EXPECT_FALSE(at::equal(new_rows, head));
}

TEST(WeightAverage, FollowsTheWeightsAndExchangesExactly) {
  Classifier classifier(tiny_classifier_config());
  classifier.initialise(2);
  WeightAverage average(classifier, 0.9);
  const at::Tensor weight = classifier.named_parameters()["head.weight"];
  const at::Tensor before = weight.detach().clone();
  {
    const at::NoGradGuard no_grad;
    weight.add_(1);
  }
  const at::Tensor after = weight.detach().clone();
  average.update();
  {
    const UseAverage use(&average);
    EXPECT_TRUE(at::allclose(weight, before + 0.1, 1e-5, 1e-6));
  }
  EXPECT_TRUE(at::equal(weight, after));
}

}  // namespace
}  // namespace convmae
