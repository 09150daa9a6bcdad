#include "convmae/pretrain/pretrain_task.h"

#include "convmae/optim/param_groups.h"
#include "convmae/train/batches.h"
#include "convmae/train/training_checkpoint.h"

#include <ATen/ATen.h>

namespace convmae {
namespace {

std::shared_ptr<PretrainModel> model_of(const PretrainOptions& options, const Compute& compute) {
  std::shared_ptr<PretrainModel> model = make_pretrain_model(options.model_config);
  model->use(compute);
  return model;
}

}  // namespace

PretrainTask::PretrainTask(const PretrainOptions& options, const Compute& compute)
    : options_(options),
      feed_(preprocessing_of(options), compute.device),
      model_(model_of(options, compute)),
      optimizer_(weight_decay_groups(*model_, options.weight_decay),
                 AdamWOptions{.beta1 = options.beta1, .beta2 = options.beta2}) {}

Loss PretrainTask::loss(const Batch& batch) {
  const at::Tensor images = feed_.images(batch);
  const at::Tensor noise = mask_noise(options_.seed, static_cast<std::uint64_t>(batch.epoch),
                                      batch.global_indices, model_->noise_length());
  return {model_->forward(images, noise, Predict::removed).loss, {}};
}

FurtherState PretrainTask::further_state() { return pytorch_groups(optimizer_); }

}  // namespace convmae
