#pragma once

#include "convmae/model/compute.h"
#include "convmae/optim/optimizer.h"
#include "convmae/segment/segment_options.h"
#include "convmae/segment/segmentor.h"
#include "convmae/train/task.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <memory>
#include <optional>

namespace convmae {

/// Trains a segmentor on batches of samples with label maps (Batch::padded).
class SegmentTask : public Task {
 public:
  /// With a model that has no weights yet. The options outlive it.
  SegmentTask(const SegmentOptions& options, const SegmentorConfig& config, const Compute& compute);

  /// What the loss of each class's pixels is multiplied with, [K]. A run that continues has them
  /// from its checkpoint, where the options ask for any.
  void set_class_weights(const at::Tensor& weights) { class_weights_->copy_(weights); }

  Segmentor& module() override { return *segmentor_; }
  Optimizer& optimizer() override { return optimizer_; }
  Loss loss(const Batch& batch) override;
  // Statistics of batch norm move with steps that are taken.
  void commit() override;
  void discard() override;
  void commit_if(const at::Tensor& admitted) override;
  FurtherState further_state() override;

 private:
  const SegmentOptions& options_;
  Compute compute_;
  std::shared_ptr<Segmentor> segmentor_;
  AdamW optimizer_;
  std::array<bool, 3> recompute_;
  std::optional<at::Tensor> class_weights_;  ///< where the options ask for them
};

}  // namespace convmae
