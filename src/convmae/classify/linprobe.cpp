#include "convmae/base/random.h"
#include "convmae/classify/classification_loss.h"
#include "convmae/classify/classifier_run.h"
#include "convmae/classify/finetune.h"
#include "convmae/data/batch_plan.h"
#include "convmae/optim/lars.h"
#include "convmae/optim/param_groups.h"
#include "convmae/train/batches.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
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
        plan_(source_->size(), options.batch_size, 0, 1, /*drop_last=*/true),
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
class LinprobeRun : public ClassifierRun {
 public:
  LinprobeRun(LinprobeOptions& options, const RunContext& context)
      : ClassifierRun(options, context, ClassifierHead::probe), options_(options) {
    start();
  }

 protected:
  std::string command() const override { return "linprobe"; }

  void check_options() override {
    resolve(options_);
    validate(options_);
  }

  void build_model() override {
    build_classifier();
    optimizer_.emplace(weight_decay_groups(classifier(), options_.weight_decay), LarsOptions{});
  }

  std::int64_t initialise_model() override {
    if (options_.init.empty()) {
      say("warning: without --init the encoder is random: this probes what no training has made");
    }
    return ClassifierRun::initialise_model();
  }

  Optimizer& optimizer() override { return *optimizer_; }

  std::unique_ptr<BatchStream> open_batches(std::int64_t epoch, std::int64_t batch) override {
    if (!options_.features_cached) {
      return load_batches(training_transform(options_), epoch, batch);
    }
    if (!table_) table_ = compute_features({source(), class_of()}, "training images");
    return std::make_unique<ImageNumbers>(options_, source(), table_->usable, epoch, batch);
  }

  at::Tensor loss(const Batch& batch) override {
    if (table_) {
      const at::Tensor rows = at::tensor(batch.samples);
      return probe_loss(table_->features.index_select(0, rows),
                        table_->labels.index_select(0, rows));
    }
    const std::vector<std::int64_t> labels = labels_of(batch, class_of());
    return probe_loss(encode(batch), at::tensor(labels));
  }

  void stepped() override { classifier().commit_statistics(); }
  void skipped() override { classifier().discard_statistics(); }

  ClassificationMetrics evaluate() override {
    if (!options_.features_cached) return ClassifierRun::evaluate();
    if (!held_out_table_) {
      held_out_table_ = compute_features(*held_out(), "held-out images").counted();
    }
    const at::NoGradGuard no_grad;
    classifier().eval();
    ClassificationMetrics metrics(classifier().config().num_classes);
    const at::Tensor& labels = held_out_table_->labels;
    metrics.add(classifier().classify(held_out_table_->features),
                {labels.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(labels.numel())});
    classifier().train();
    return metrics;
  }

 private:
  at::Tensor encode(const Batch& batch) {
    const at::NoGradGuard no_grad;
    return classifier().encoder().forward(images(batch)).to(at::kFloat);
  }

  at::Tensor probe_loss(const at::Tensor& features, const at::Tensor& labels) {
    return label_smoothing_cross_entropy(classifier().classify(features), labels, 0);
  }

  /// Looks at every image once, without augmentation. Each has its row.
  FeatureTable compute_features(const LabelledImages& images, const std::string& what) {
    const std::int64_t count = images.source->size();
    const ImageReading reading = reading_of_all(count, what);
    const std::unique_ptr<Loader> loader =
        evaluation_loader(reading, preprocessing_of(options_), images.source);
    FeatureTable table{at::empty({count, classifier().encoder().width()}, at::kFloat),
                       at::empty({count}, at::kLong),
                       std::vector<bool>(static_cast<std::size_t>(count), false)};
    std::int64_t done = 0;
    while (const std::optional<Batch> batch = loader->next()) {
      const at::Tensor rows = at::tensor(batch->samples);
      table.features.index_copy_(0, rows, encode(*batch));
      table.labels.index_copy_(0, rows, at::tensor(labels_of(*batch, images.class_of)));
      for (const std::int64_t sample : batch->samples) {
        table.usable[static_cast<std::size_t>(sample)] = true;
      }
      done += batch->count;
      reading.progress(done);
    }
    return table;
  }

  LinprobeOptions& options_;
  std::optional<Lars> optimizer_;
  std::optional<FeatureTable> table_;
  std::optional<FeatureTable> held_out_table_;
};

}  // namespace

int linprobe(LinprobeOptions& options, const RunContext& context) {
  LinprobeRun run(options, context);
  return run.train();
}

}  // namespace convmae
