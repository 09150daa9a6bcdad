#include "convmae/classify/finetune.h"

#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/classify/classification_loss.h"
#include "convmae/classify/classifier_run.h"
#include "convmae/optim/param_groups.h"
#include "convmae/optim/weight_average.h"
#include "convmae/train/batches.h"

#include <ATen/ATen.h>

#include <memory>
#include <optional>
#include <utility>

namespace convmae {
namespace {

/// Trains a whole classifier, and keeps an average of its weights if that is asked for.
class FinetuneTask : public Task {
 public:
  /// With a model that has no weights yet. The options and classes outlive it.
  FinetuneTask(const FinetuneOptions& options, const ClassifierImages& images,
               const ClassifierConfig& config, const Compute& compute)
      : options_(options),
        images_(images),
        input_(classifier_input(options, compute)),
        classifier_(config),
        optimizer_(layer_decay_groups(place(classifier_, compute), options.weight_decay,
                                      options.layer_decay, classifier_.encoder().num_layers()),
                   AdamWOptions{.beta1 = options.beta1, .beta2 = options.beta2}),
        drop_path_rates_(drop_path_rates(options.drop_path, classifier_.encoder().num_blocks())) {
    start_average();
  }

  /// From the weights as they are now.
  void start_average() {
    if (options_.model_ema_decay > 0) average_.emplace(classifier_, options_.model_ema_decay);
  }

  Classifier& module() override { return classifier_; }
  Optimizer& optimizer() override { return optimizer_; }

  Loss loss(const Batch& batch) override {
    const auto epoch = static_cast<std::uint64_t>(batch.epoch);
    const std::vector<std::int64_t> labels = labels_of(batch, images_.class_of);
    const std::int64_t classes = classifier_.config().num_classes;
    std::vector<float> targets =
        mix_batch(options_.mixing(),
                  {options_.seed, epoch, static_cast<std::uint64_t>(batch.global_indices.front())},
                  {batch.pixels.get(), batch.count, options_.model_config.encoder.in_chans,
                   options_.model_config.encoder.img_size},
                  labels, classes);
    const at::Tensor target =
        at::from_blob(targets.data(), {batch.count, classes}, at::kFloat)
            .to(input_.compute.device, at::kFloat, /*non_blocking=*/false, /*copy=*/true);
    const DropPath drop = draw_drop_path(drop_path_rates_, options_.seed, epoch,
                                         batch.global_indices, input_.compute.device);
    return {soft_target_cross_entropy(classifier_.forward(input_(batch), drop), target), {}};
  }

  void commit() override {
    if (average_) average_->update();
  }
  void commit_if(const at::Tensor& admitted) override {
    if (average_) average_->update_if(admitted);
  }

  FurtherState further_state() override {
    return average_ ? FurtherState{average_->tensors()} : FurtherState();
  }

  /// Null if there is none.
  WeightAverage* average() { return average_ ? &*average_ : nullptr; }

 private:
  const FinetuneOptions& options_;
  const ClassifierImages& images_;
  ImageInput input_;
  Classifier classifier_;
  AdamW optimizer_;
  std::vector<double> drop_path_rates_;
  std::optional<WeightAverage> average_;
};

TransformConfig transform_of(const FinetuneOptions& options) {
  TransformConfig transform = training_transform(options);
  transform.rand_augment = options.rand_augment();
  if (options.reprob > 0) transform.random_erasing = options.random_erasing();
  return transform;
}

}  // namespace

int finetune(FinetuneOptions& options, const RunContext& context) {
  Run run("finetune", options, context);
  resolve(options);
  validate(options);
  run.open_images(/*needs_classes=*/true);
  const ClassifierImages images = open_classifier_images(run, options, ClassifierHead::linear);
  const ClassifierConfig config =
      classifier_config(options, ClassifierHead::linear, images.classes);
  run.set_kind(task_of(config, images.classes));
  validate(config);
  FinetuneTask task(options, images, config, run.compute());
  bool should_know_classes = false;
  if (run.is_new()) {
    should_know_classes = initialise_weights(run, task.module(), options, images.classes);
    task.start_average();
  }
  run.start(task, 0, {{"model", options.model}, {"classes", images.classes.size()}});
  return train_classifier({.run = run,
                           .options = options,
                           .images = images,
                           .head = ClassifierHead::linear,
                           .should_know_classes = should_know_classes,
                           .open_batches =
                               [&](std::int64_t epoch, std::int64_t batch) {
                                 return run.training_batches(transform_of(options), epoch, batch);
                               },
                           .evaluate =
                               [&] {
                                 const UseAverage average(task.average());
                                 return evaluate_held_out(run, options, *images.held_out,
                                                          task.module());
                               },
                           .write_weights =
                               [&](const std::filesystem::path& path, const CheckpointInfo& info) {
                                 const UseAverage average(task.average());
                                 save_weights(path, task.module(), info);
                               }});
}

}  // namespace convmae
