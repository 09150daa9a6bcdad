#include "convmae/segment/train_segmentor.h"

#include "convmae/io/sha256.h"
#include "convmae/report/image_progress.h"
#include "convmae/segment/class_weights.h"
#include "convmae/segment/mean_iou_observer.h"
#include "convmae/segment/segment_task.h"
#include "convmae/segment/segmentor_checkpoint.h"
#include "convmae/segment/segmentor_init.h"
#include "convmae/segment/segmentor_report.h"
#include "convmae/train/opened_images.h"
#include "convmae/train/run/run.h"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace convmae {
namespace {

/// Of what is said of the images beside their names: which label files are theirs, and what these
/// mean.
std::string digest_of(const LabelledPairs& data) {
  std::string text = to_json(*data.scheme);
  for (std::int64_t i = 0; i < data.pairs->size(); ++i) {
    // Folders may be moved.
    text += '\n' + std::filesystem::path(data.pairs->label_name(i)).filename().string();
  }
  return sha256(std::as_bytes(std::span(text)));
}

std::shared_ptr<const LabelPairs> opened_pairs(const std::string& data, const std::string& labels,
                                               Split split) {
  std::shared_ptr<const LabelPairs> pairs = open_label_pairs(data, labels, split);
  tell(*pairs);
  return pairs;
}

LabelledSampleConfig sample_config(const SegmentOptions& options) {
  LabelledSampleConfig config;
  const Preprocessing preprocessing = preprocessing_of(options);
  config.decode = decoding_of(options);
  config.decode.channels = options.model_config.encoder.in_chans;
  config.normalisation.mean.assign(preprocessing.mean.begin(), preprocessing.mean.end());
  config.normalisation.std.assign(preprocessing.std.begin(), preprocessing.std.end());
  config.recipe = options.recipe();
  return config;
}

void initialise(Run& run, SegmentTask& task, const SegmentOptions& options,
                const LabelledPairs& data) {
  task.module().initialise(options.seed);
  if (!options.init.empty()) {
    run.say(initialise_segmentor(options.init, task.module(),
                                 parse_in_chans_init(options.in_chans_init), *data.scheme));
  }
  if (options.class_weights.empty()) return;
  if (options.class_weights != "balanced") {
    return task.set_class_weights(read_class_weights(options.class_weights, *data.scheme));
  }
  ImageProgress progress(data.pairs->size());
  task.set_class_weights(balanced_class_weights(
      data, options.max_pixels, [&progress](std::int64_t done) { progress.update(done); }));
}

}  // namespace

int train_segmentor(SegmentOptions& options, const RunContext& context) {
  Run run("segment train", options, context, expect_segmentor);
  resolve(options);
  validate(options);
  LabelledPairs data{nullptr, std::make_shared<LabelScheme>(read_label_scheme(options.scheme))};
  std::string digest;
  run.open_images([&] {
    data.pairs = opened_pairs(options.data, options.labels, Split::train);
    digest = digest_of(data);
    return TrainingImages{data.pairs, digest};
  });
  std::optional<LabelledPairs> held_out;
  if (!options.eval_data.empty()) {
    held_out = {opened_pairs(options.eval_data, options.eval_labels, Split::val), data.scheme};
  }
  SegmentorConfig config = options.segmentor;
  config.num_classes = data.scheme->num_classes();
  validate(config);
  run.set_kind(task_of(config, *data.scheme, options.test_sizes()));

  SegmentTask task(options, config, run.compute());
  if (run.is_new()) initialise(run, task, options, data);
  run.start(task, 0, {{"model", options.model}, {"classes", config.num_classes}});

  std::optional<MeanIouObserver> mean_iou;
  RunParts parts{
      .open_batches =
          [&](std::int64_t epoch, std::int64_t batch) {
            return run.training_samples(
                {.maker = labelled_samples(data.pairs, data.scheme, sample_config(options)),
                 .channels = config.encoder.in_chans},
                epoch, batch);
          },
      .observers = {},
      .write_report =
          [&](RunStatus status, const std::string& note) {
            const bool evaluated = mean_iou && mean_iou->findings();
            const std::string title =
                "Segmentation with " + to_string(options.model_config.method) + " " + options.model;
            write_segmentor_report(run.paths(), run.log(), run.facts(title, status, note),
                                   *data.scheme, evaluated ? &*mean_iou->findings() : nullptr);
          },
      .write_weights = {}};
  if (held_out) {
    mean_iou.emplace(run, options, task.module(), *held_out, digest_of(*held_out));
    parts.observers = {&*mean_iou};
  }
  return run.train(parts);
}

}  // namespace convmae
