#include "convmae/classify/finetune.h"

#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/classify/classifier_run.h"
#include "convmae/classify/finetune_task.h"
#include "convmae/train/batches.h"

namespace convmae {
namespace {

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
  FinetuneTask task(options, images.class_of, config, run.compute());
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
