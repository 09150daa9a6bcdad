#include "convmae/detect/train_detector.h"

#include "convmae/base/error.h"
#include "convmae/data/sources/source_account.h"
#include "convmae/detect/detect_task.h"
#include "convmae/detect/detection_images.h"
#include "convmae/detect/detector_checkpoint.h"
#include "convmae/detect/detector_init.h"
#include "convmae/detect/detector_report.h"
#include "convmae/detect/precision_observer.h"
#include "convmae/train/run/run.h"

#include <optional>
#include <string>
#include <utility>

namespace convmae {
namespace {

/// Lets the detector have what the annotations have: their classes, and masks if there are some.
void fit_to_annotations(Run& run, const DetectionImages& images, DetectOptions& options) {
  options.detector.num_classes = std::ssize(images.categories());
  if (options.detector.roi.masks && !images.has_masks) {
    run.say("the annotations have no masks: trains boxes alone, without a mask head");
    options.detector.roi.masks = false;
  } else if (options.detector.roi.masks && images.unmasked > 0) {
    run.say(counted(images.unmasked, "object has", "objects have") +
            " no mask: the mask head learns from the others");
  }
  for (const std::string& remark : images.matched.remarks) run.say(remark);
  if (options.best_by != "mask_ap" || !images.held_out) return;
  if (!options.detector.roi.masks || !images.held_out->dataset().has_masks()) {
    throw UserError(
        "--best_by mask_ap needs masks in --annotations and --eval_annotations, found "
        "none in " +
        std::string(options.detector.roi.masks ? "the latter" : "the former") +
        ": leave it out, or give annotations with masks");
  }
}

/// One of its norms needs two numbers a channel: that of the coarsest map of a batch.
void require_norm_of_several(const DetectOptions& options) {
  const DetectorConfig& config = options.detector;
  if (config.pyramid != PyramidKind::feature || config.norm != ConvolutionNorm::batch) return;
  const Size grid = geometry_of(config.encoder).grid();
  if (options.shared_batch() * (grid.height / 2) * (grid.width / 2) > 1) return;
  throw UserError("--batch_size must be 2 or more for images of " +
                  size_text(config.encoder.img_size) +
                  ", found 1: batch norm needs more than one place of the coarsest level");
}

std::string planned_text(const DetectOptions& options, const Run& run) {
  return "plan: " + (options.steps ? "" : counted(options.epochs, "epoch", "epochs") + ", ") +
         counted(run.total_steps(), "step", "steps") + " of " +
         counted(options.images_per_step(), "image", "images") + ", " +
         with_commas(run.steps_per_epoch()) + " an epoch";
}

/// Random weights, then those of --init, of which the run says what was taken. Returns whether they
/// know some of the classes.
bool initialise_weights(Run& run, Detector& detector, const DetectOptions& options,
                        const DetectionImages& images) {
  detector.initialise(options.seed);
  if (options.init.empty()) return false;
  const DetectorInit init = take_weights(
      options.init, detector, parse_in_chans_init(options.in_chans_init), images.categories());
  run.say(init.text);
  return init.knows_classes;
}

}  // namespace

int train_detector(DetectOptions& options, const RunContext& context) {
  Run run("detect train", options, context, expect_detector);
  resolve(options);
  validate(options);
  require_norm_of_several(options);
  DetectionImages images;
  run.open_images([&] {
    images = open_detection_images(options);
    return TrainingImages{images.training, images.digest};
  });
  fit_to_annotations(run, images, options);
  run.set_kind(task_of(options.detector, images.categories()));
  validate(options.detector);
  run.say(planned_text(options, run));
  DetectTask task(options, run.compute());
  const bool knows_classes =
      run.is_new() && initialise_weights(run, task.module(), options, images);
  run.start(task, 0, {{"model", options.model}, {"classes", images.categories().size()}});

  const SampleRecipe samples = training_samples(options, images.training);
  std::optional<PrecisionObserver> precision;
  RunParts parts{
      .open_batches =
          [&](std::int64_t epoch, std::int64_t batch) {
            return run.training_samples(samples, epoch, batch);
          },
      .observers = {},
      .write_report =
          [&](RunStatus status, const std::string& note) {
            const std::string title = "Training a detector upon ConvMAE " + options.model;
            write_detector_report(run.paths(), run.log(), run.facts(title, status, note));
          },
      .write_weights = {}};
  if (images.held_out) {
    precision.emplace(
        run, options, images,
        [&] { return evaluate_held_out(run, options, images, task.module()); }, knows_classes);
    parts.observers = {&*precision};
  }
  return run.train(parts);
}

}  // namespace convmae
