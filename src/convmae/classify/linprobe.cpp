#include "convmae/base/random.h"
#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/classify/classification_loss.h"
#include "convmae/classify/classifier_run.h"
#include "convmae/classify/finetune.h"
#include "convmae/data/batch_plan.h"
#include "convmae/ops/device.h"
#include "convmae/optim/lars.h"
#include "convmae/optim/param_groups.h"
#include "convmae/train/batches.h"
#include "convmae/train/image_rows.h"
#include "convmae/train/step_images.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace convmae {
namespace {

/// The order in which a loader would deliver images, without the images.
class ImageNumbers : public BatchStream {
 public:
  /// `usable`: which of the source's images can be used; one of them at least.
  ImageNumbers(const LinprobeOptions& options, std::shared_ptr<const ImageSource> source,
               std::vector<bool> usable, std::int64_t epoch, std::int64_t batch)
      : seed_(options.seed),
        epochs_(options.epochs),
        source_(std::move(source)),
        usable_(std::move(usable)),
        plan_(epoch_images(options, source_->size()), options.batch_size, options.rank,
              options.world_size, /*drop_last=*/true),
        epoch_(epoch),
        step_(batch) {}

  std::optional<Batch> next() override {
    if (step_ == plan_.steps_per_epoch()) {
      ++epoch_;
      step_ = 0;
    }
    if (epoch_ >= epochs_) return std::nullopt;
    if (order_of_ != epoch_) {
      order_ = source_->shuffled(seed_, static_cast<std::uint64_t>(epoch_));
      order_of_ = epoch_;
    }
    const Slice slice = plan_.slice(step_);
    Batch batch;
    batch.epoch = epoch_;
    batch.step = step_++;
    batch.count = slice.end - slice.begin;
    batch.samples.assign(order_.begin() + slice.begin, order_.begin() + slice.end);
    for (std::int64_t i = 0; i < batch.count; ++i) replace_bad(batch, slice.begin + i, i);
    return batch;
  }
  double seconds_waited() const override { return 0; }

 private:
  /// Draws for a bad sample what a loader would draw.
  void replace_bad(Batch& batch, std::int64_t position, std::int64_t index) const {
    CounterRandom replacement(seed_, static_cast<std::uint64_t>(epoch_),
                              static_cast<std::uint64_t>(position), Purpose::replacement);
    std::int64_t& sample = batch.samples[static_cast<std::size_t>(index)];
    while (!usable_[static_cast<std::size_t>(sample)]) {
      sample =
          static_cast<std::int64_t>(replacement.below(static_cast<std::uint64_t>(source_->size())));
    }
  }

  std::uint64_t seed_;
  std::int64_t epochs_;
  std::shared_ptr<const ImageSource> source_;
  std::vector<bool> usable_;
  BatchPlan plan_;
  std::int64_t epoch_;
  std::int64_t step_;
  std::int64_t order_of_ = -1;
  std::vector<std::int64_t> order_;
};

/// Features of images and the classes that they belong to.
struct FeatureTable {
  at::Tensor features;       ///< [N, D] float32
  at::Tensor labels;         ///< [N] int64
  std::vector<bool> usable;  ///< [N]: the rows of other images mean nothing

  /// Without those rows.
  FeatureTable counted() const {
    std::vector<std::int64_t> rows;
    for (std::size_t i = 0; i < usable.size(); ++i) {
      if (usable[i]) rows.push_back(static_cast<std::int64_t>(i));
    }
    const at::Tensor chosen = at::tensor(rows);
    return {features.index_select(0, chosen), labels.index_select(0, chosen),
            std::vector<bool>(rows.size(), true)};
  }
};

/// Trains the head on an encoder without gradient.
class LinprobeTask : public Task {
 public:
  /// With a model that has no weights yet. The options and classes outlive it.
  LinprobeTask(const LinprobeOptions& options, const ClassifierImages& images,
               const ClassifierConfig& config, const Compute& compute)
      : input_(classifier_input(options, compute)),
        class_of_(images.class_of),
        classifier_(config),
        optimizer_(weight_decay_groups(place(classifier_, compute), options.weight_decay),
                   LarsOptions{}) {}

  Classifier& module() override { return classifier_; }
  Optimizer& optimizer() override { return optimizer_; }

  Loss loss(const Batch& batch) override {
    if (table_) {
      const at::Tensor rows = at::tensor(batch.samples);
      const auto chosen = [&](const at::Tensor& all) {
        return sent_to(input_.compute.device, all.index_select(0, rows));
      };
      return {probe_loss(chosen(table_->features), chosen(table_->labels)), {}};
    }
    const at::Tensor labels =
        sent_to(input_.compute.device, at::tensor(labels_of(batch, class_of_)));
    return {probe_loss(encode(batch), labels), {}};
  }

  void commit() override { classifier_.commit_statistics(); }
  void discard() override { classifier_.discard_statistics(); }
  void commit_if(const at::Tensor& admitted) override {
    commit_statistics_if(classifier_, admitted);
  }

  /// Learns from now on from the features of the training images, and no more from images.
  void learn_from(FeatureTable table) { table_ = std::move(table); }
  const std::optional<FeatureTable>& table() const { return table_; }

  /// Encodes every image once, without augmentation. Each has its row.
  FeatureTable compute_features(const LabelledImages& images, const ImageReading& reading) {
    const std::int64_t count = images.source->size();
    const std::unique_ptr<Loader> loader =
        evaluation_loader(reading, input_.preprocessing, images.source);
    FeatureTable table{at::zeros({count, classifier_.encoder().width()}, at::kFloat),
                       at::zeros({count}, at::kLong),
                       std::vector<bool>(static_cast<std::size_t>(count), false)};
    ImageRows all_rows(count);
    std::int64_t done = 0;
    while (const std::optional<Batch> batch = loader->next()) {
      const at::Tensor rows = all_rows.of(*batch);
      table.features.index_copy_(0, rows, encode(*batch).cpu());
      table.labels.index_copy_(0, rows, at::tensor(labels_of(*batch, images.class_of)));
      done += batch->count;
      reading.progress(done);
    }
    const at::Tensor counted = all_rows.share(reading, {table.features, table.labels});
    const std::span<const std::int64_t> usable{counted.const_data_ptr<std::int64_t>(),
                                               static_cast<std::size_t>(counted.size(0))};
    for (const std::int64_t row : usable) table.usable[static_cast<std::size_t>(row)] = true;
    return table;
  }

  ClassificationMetrics evaluate(const FeatureTable& held_out) {
    const at::NoGradGuard no_grad;
    classifier_.eval();
    ClassificationMetrics metrics(classifier_.config().num_classes);
    const at::Tensor& labels = held_out.labels;
    add_logits(metrics, classifier_.classify(held_out.features.to(input_.compute.device)),
               {labels.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(labels.numel())});
    classifier_.train();
    return metrics;
  }

 private:
  at::Tensor encode(const Batch& batch) {
    const at::NoGradGuard no_grad;
    return classifier_.encoder().forward(input_(batch)).to(at::kFloat);
  }

  at::Tensor probe_loss(const at::Tensor& features, const at::Tensor& labels) {
    return label_smoothing_cross_entropy(classifier_.classify(features), labels, 0);
  }

  ImageInput input_;
  const std::vector<std::int64_t>& class_of_;
  Classifier classifier_;
  Lars optimizer_;
  std::optional<FeatureTable> table_;
};

}  // namespace

int linprobe(LinprobeOptions& options, const RunContext& context) {
  Run run("linprobe", options, context);
  resolve(options);
  validate(options);
  run.open_images(/*needs_classes=*/true);
  const ClassifierImages images = open_classifier_images(run, options, ClassifierHead::probe);
  const ClassifierConfig config = classifier_config(options, ClassifierHead::probe, images.classes);
  run.set_kind(task_of(config, images.classes));
  validate(config);
  LinprobeTask task(options, images, config, run.compute());
  bool should_know_classes = false;
  if (run.is_new()) {
    if (options.init.empty()) {
      run.say(
          "warning: without --init the encoder is random: this probes what no training has made");
    }
    should_know_classes = initialise_weights(run, task.module(), options, images.classes);
  }
  run.start(task, 0, {{"model", options.model}, {"classes", images.classes.size()}});

  const auto features_of = [&](const LabelledImages& set, const std::string& what) {
    return task.compute_features(set, run.reading_of_all(set.source->size(), what));
  };
  std::optional<FeatureTable> held_out;
  return train_classifier(
      {.run = run,
       .options = options,
       .images = images,
       .head = ClassifierHead::probe,
       .should_know_classes = should_know_classes,
       .open_batches = [&](std::int64_t epoch, std::int64_t batch) -> std::unique_ptr<BatchStream> {
         if (!options.features_cached) {
           return run.training_batches(training_transform(options), epoch, batch);
         }
         task.learn_from(features_of({run.source(), images.class_of}, "training images"));
         return std::make_unique<ImageNumbers>(options, run.source(), task.table()->usable, epoch,
                                               batch);
       },
       .evaluate =
           [&] {
             if (!options.features_cached) {
               return evaluate_held_out(run, options, *images.held_out, task.module());
             }
             if (!held_out) held_out = features_of(*images.held_out, "held-out images").counted();
             return task.evaluate(*held_out);
           },
       .write_weights = {}});
}

}  // namespace convmae
