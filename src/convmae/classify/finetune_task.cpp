#include "convmae/classify/finetune_task.h"

#include "convmae/classify/classification_loss.h"
#include "convmae/classify/classifier_images.h"
#include "convmae/ops/device.h"
#include "convmae/optim/param_groups.h"
#include "convmae/train/batches.h"

#include <ATen/ATen.h>

namespace convmae {

FinetuneTask::FinetuneTask(const FinetuneOptions& options,
                           const std::vector<std::int64_t>& class_of,
                           const ClassifierConfig& config, const Compute& compute)
    : options_(options),
      class_of_(class_of),
      input_(classifier_input(options, compute)),
      classifier_(config),
      optimizer_(layer_decay_groups(place(classifier_, compute), options.weight_decay,
                                    options.layer_decay, classifier_.encoder().num_layers()),
                 AdamWOptions{.beta1 = options.beta1, .beta2 = options.beta2}),
      drop_path_rates_(drop_path_rates(options.drop_path, classifier_.encoder().num_blocks())) {
  start_average();
}

void FinetuneTask::start_average() {
  if (options_.model_ema_decay > 0) average_.emplace(classifier_, options_.model_ema_decay);
}

Loss FinetuneTask::loss(const Batch& batch) {
  const auto epoch = static_cast<std::uint64_t>(batch.epoch);
  const std::vector<std::int64_t> labels = labels_of(batch, class_of_);
  const std::int64_t classes = classifier_.config().num_classes;
  std::vector<float> targets =
      mix_batch(options_.mixing(),
                {options_.seed, epoch, static_cast<std::uint64_t>(batch.global_indices.front())},
                {batch.pixels.get(), batch.count, options_.model_config.encoder.in_chans,
                 options_.model_config.encoder.img_size},
                labels, classes);
  const at::Tensor target =
      sent_to(input_.compute.device,
              at::from_blob(targets.data(), {batch.count, classes}, at::kFloat).clone());
  const DropPath drop = draw_drop_path(drop_path_rates_, options_.seed, epoch, batch.global_indices,
                                       input_.compute.device);
  return {soft_target_cross_entropy(classifier_.forward(input_(batch), drop), target), {}};
}

void FinetuneTask::commit() {
  if (average_) average_->update();
}

void FinetuneTask::commit_if(const at::Tensor& admitted) {
  if (average_) average_->update_if(admitted);
}

FurtherState FinetuneTask::further_state() {
  return average_ ? FurtherState{average_->tensors()} : FurtherState();
}

}  // namespace convmae
