#pragma once

#include "convmae/train/classifier_batches.h"
#include "convmae/train/classifier_weights.h"
#include "convmae/train/finetune_options.h"
#include "convmae/train/training_run.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// A run that trains a classifier, whole or its head alone.
class ClassifierRun : public TrainingRun {
 protected:
  ClassifierRun(ClassifierOptions& options, const RunContext& context, ClassifierHead head);

  void open_data() override;
  torch::nn::Module& model() override { return *classifier_; }
  const ImageSource& source() const override { return *source_; }
  CheckpointInfo describe() const override;
  nlohmann::ordered_json further_header() const override;
  std::optional<Look> look() override;
  void write_weights(const std::filesystem::path& path, const CheckpointInfo& info) override;
  void write_report(RunStatus status, const std::string& note) override;

  /// Builds the classifier; the optimizer is the derived class's.
  void build_classifier();
  /// A new classifier's weights: random, then those of --init.
  std::string initialise_classifier_weights();
  /// The training images through `transform`.
  std::unique_ptr<BatchStream> load_batches(TransformConfig transform, std::int64_t epoch,
                                            std::int64_t batch);
  /// A batch as the encoder's input.
  at::Tensor images(const Batch& batch) const { return input()(batch); }
  ImageInput input() const;
  Classifier& classifier() { return *classifier_; }
  const std::vector<std::int64_t>& class_of() const { return class_of_; }
  /// Looks at the held-out images with the model as it is.
  virtual ClassificationMetrics evaluate();
  /// The held-out images; null if there are none.
  const std::optional<LabelledImages>& held_out() const { return held_out_; }
  std::shared_ptr<const ImageSource> shared_source() const { return source_; }

 private:
  ClassifierOptions& options_;
  ClassifierHead head_;
  std::shared_ptr<const ImageSource> source_;
  std::vector<std::string> classes_;
  std::vector<std::int64_t> class_of_;  ///< of the training images: 0, 1, ...
  std::optional<LabelledImages> held_out_;
  std::shared_ptr<Classifier> classifier_;
  bool should_know_classes_ = false;  ///< until the first look
};

}  // namespace convmae
