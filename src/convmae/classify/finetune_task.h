#pragma once

#include "convmae/classify/classifier_batches.h"
#include "convmae/classify/finetune_options.h"
#include "convmae/model/classifier.h"
#include "convmae/model/compute.h"
#include "convmae/optim/optimizer.h"
#include "convmae/optim/weight_average.h"
#include "convmae/train/task.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace convmae {

/// Trains a whole classifier, and keeps an average of its weights if that is asked for.
class FinetuneTask : public Task {
 public:
  /// With a model that has no weights yet. The options, and the class of each label, outlive it.
  FinetuneTask(const FinetuneOptions& options, const std::vector<std::int64_t>& class_of,
               const ClassifierConfig& config, const Compute& compute);

  /// From the weights as they are now.
  void start_average();

  Classifier& module() override { return classifier_; }
  Optimizer& optimizer() override { return optimizer_; }
  Loss loss(const Batch& batch) override;
  void commit() override;
  void commit_if(const at::Tensor& admitted) override;
  FurtherState further_state() override;

  /// Null if there is none.
  WeightAverage* average() { return average_ ? &*average_ : nullptr; }

 private:
  const FinetuneOptions& options_;
  const std::vector<std::int64_t>& class_of_;
  ImageInput input_;
  Classifier classifier_;
  AdamW optimizer_;
  std::vector<double> drop_path_rates_;
  std::optional<WeightAverage> average_;
};

}  // namespace convmae
