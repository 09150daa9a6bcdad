#pragma once

#include "convmae/model/autoencoder/pretrain_model.h"
#include "convmae/model/compute.h"
#include "convmae/pretrain/pretrain_options.h"
#include "convmae/train/pixel_feed.h"
#include "convmae/train/task.h"

#include <memory>

namespace convmae {

/// Masked pretraining. ConvMAE, FastConvMAE and MAE differ in the model alone.
class PretrainTask : public Task {
 public:
  /// With a model that has no weights yet. The options outlive it.
  PretrainTask(const PretrainOptions& options, const Compute& compute);

  torch::nn::Module& module() override { return *model_; }
  AdamW& optimizer() override { return optimizer_; }
  Loss loss(const Batch& batch) override;
  /// There are no statistics.
  void commit_if(const at::Tensor& /*admitted*/) override {}
  FurtherState further_state() override;

  const std::shared_ptr<PretrainModel>& model() const { return model_; }

 private:
  const PretrainOptions& options_;
  PixelFeed feed_;
  std::shared_ptr<PretrainModel> model_;
  AdamW optimizer_;
};

}  // namespace convmae
