#pragma once

#include "convmae/data/objects/geometry_plan.h"
#include "convmae/data/sample.h"
#include "convmae/data/sources/annotated_images.h"
#include "convmae/detect/detect_options.h"
#include "convmae/detect/detector.h"
#include "convmae/detect/object_targets.h"
#include "convmae/model/compute.h"
#include "convmae/optim/optimizer.h"
#include "convmae/train/run/run_images.h"
#include "convmae/train/task.h"

#include <memory>

namespace convmae {

/// How the published detector of the same kind makes samples for training: large-scale jitter, crop
/// and mirror, with grey on the right and below where boxes come back by one factor, else without.
GeometryRecipe training_recipe(const DetectOptions& options);

/// The samples that a detector is trained on, whose batches are as large as its input.
SampleRecipe training_samples(const DetectOptions& options,
                              std::shared_ptr<const AnnotatedImages> images);

/// What an image shows, as tensors.
ObjectTargets targets_of(const Objects& objects);

/// Trains a whole detector.
class DetectTask : public Task {
 public:
  /// With a model that has no weights yet. The options outlive it.
  DetectTask(const DetectOptions& options, const Compute& compute);

  Detector& module() override { return *detector_; }
  Optimizer& optimizer() override { return optimizer_; }
  Loss loss(const Batch& batch) override;
  void commit() override;
  void discard() override;
  void commit_if(const at::Tensor& admitted) override;

 private:
  const DetectOptions& options_;
  Compute compute_;
  std::shared_ptr<Detector> detector_;
  AdamW optimizer_;
};

}  // namespace convmae
