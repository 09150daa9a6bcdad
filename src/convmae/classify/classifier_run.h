#pragma once

#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/classify/classifier_batches.h"
#include "convmae/classify/finetune_options.h"
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

  bool needs_classes() const override { return true; }
  void open_data() override;
  torch::nn::Module& model() override { return *classifier_; }
  /// Random weights, then those of --init.
  std::int64_t initialise_model() override;
  nlohmann::ordered_json task() const override;
  nlohmann::ordered_json further_header() const override;
  void look_first() override;
  Look look(const Moment& moment) override;
  void write_report(RunStatus status, const std::string& note) override;

  /// Builds the classifier; the optimizer is the derived class's.
  void build_classifier();
  /// A batch as the encoder's input.
  at::Tensor images(const Batch& batch) const { return input()(batch); }
  ImageInput input() const;
  Classifier& classifier() { return *classifier_; }
  const std::vector<std::int64_t>& class_of() const { return class_of_; }
  /// Looks at the held-out images with the model as it is.
  virtual ClassificationMetrics evaluate();
  /// The held-out images; null if there are none.
  const std::optional<LabelledImages>& held_out() const { return held_out_; }

 private:
  ClassifierConfig classifier_config() const;
  /// Evaluates, and warns if the head that --init brought turns out to know other classes.
  ClassificationMetrics examine();

  ClassifierOptions& options_;
  ClassifierHead head_;
  std::vector<std::string> classes_;
  std::vector<std::int64_t> class_of_;  ///< of the training images: 0, 1, ...
  std::optional<LabelledImages> held_out_;
  std::shared_ptr<Classifier> classifier_;
  bool should_know_classes_ = false;  ///< until the first look
};

}  // namespace convmae
