#include "convmae/pretrain/pretrain_task.h"

#include "convmae/ops/precision.h"
#include "convmae/optim/param_groups.h"
#include "convmae/train/batches.h"
#include "convmae/train/training_checkpoint.h"

#include <ATen/ATen.h>

namespace convmae {

PretrainTask::PretrainTask(const PretrainOptions& options)
    : options_(options),
      model_(make_pretrain_model(options.model_config)),
      optimizer_(weight_decay_groups(*model_, options.weight_decay),
                 AdamWOptions{.beta1 = options.beta1, .beta2 = options.beta2}) {
  model_->set_compute_type(parse_precision(options.precision));
}

Loss PretrainTask::loss(const Batch& batch) {
  const at::Tensor images = images_of(batch, preprocessing_of(options_));
  const at::Tensor noise = mask_noise(options_.seed, static_cast<std::uint64_t>(batch.epoch),
                                      batch.global_indices, model_->noise_length());
  return {model_->forward(images, noise, Predict::removed).loss, {}};
}

FurtherState PretrainTask::further_state() { return pytorch_groups(optimizer_); }

}  // namespace convmae
