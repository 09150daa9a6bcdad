#include "convmae/data/batch_plan.h"
#include "convmae/train/classifier_run.h"
#include "convmae/train/evaluation/batches.h"
#include "convmae/train/evaluation/classification_loss.h"
#include "convmae/train/finetune.h"
#include "convmae/train/optimizer/lars.h"
#include "convmae/train/optimizer/param_groups.h"

#include <ATen/ATen.h>

#include <optional>
#include <utility>

namespace convmae {
namespace {

/// The order in which a loader would deliver images, without the images.
class ImageNumbers : public BatchStream {
 public:
  ImageNumbers(const LinprobeOptions& options, std::shared_ptr<const ImageSource> source,
               std::int64_t epoch, std::int64_t batch)
      : seed_(options.seed),
        epochs_(options.epochs),
        source_(std::move(source)),
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
    return batch;
  }
  double seconds_waited() const override { return 0; }

 private:
  std::uint64_t seed_;
  std::int64_t epochs_;
  std::shared_ptr<const ImageSource> source_;
  BatchPlan plan_;
  std::int64_t epoch_;
  std::int64_t step_;
  std::int64_t order_of_ = -1;
  std::vector<std::int64_t> order_;
};

/// Features of images and the classes that they belong to.
struct FeatureTable {
  at::Tensor features;  ///< [N, D] float32
  at::Tensor labels;    ///< [N] int64
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

  Optimizer& optimizer() override { return *optimizer_; }

  std::unique_ptr<BatchStream> open_batches(std::int64_t epoch, std::int64_t batch) override {
    if (!options_.features_cached) {
      return load_batches(training_transform(options_), epoch, batch);
    }
    if (!table_) table_ = compute_features({source(), class_of()}, "training images");
    return std::make_unique<ImageNumbers>(options_, source(), epoch, batch);
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
    if (!held_out_table_) held_out_table_ = compute_features(*held_out(), "held-out images");
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

  /// Looks at every image once, without augmentation.
  FeatureTable compute_features(const LabelledImages& images, const std::string& what) {
    const std::unique_ptr<Loader> loader = evaluation_loader(options_, images.source);
    const std::int64_t count = images.source->size();
    FeatureTable table{at::empty({count, classifier().encoder().width()}, at::kFloat),
                       at::empty({count}, at::kLong)};
    const auto progress = image_progress(count, what);
    std::int64_t done = 0;
    while (const std::optional<Batch> batch = loader->next()) {
      table.features.narrow(0, done, batch->count).copy_(encode(*batch));
      const std::vector<std::int64_t> labels = labels_of(*batch, images.class_of);
      table.labels.narrow(0, done, batch->count).copy_(at::tensor(labels));
      done += batch->count;
      progress(done);
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
