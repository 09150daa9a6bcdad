#include "convmae/classify/finetune.h"

#include "convmae/classify/classification_loss.h"
#include "convmae/classify/classifier_run.h"
#include "convmae/optim/param_groups.h"
#include "convmae/optim/weight_average.h"
#include "convmae/train/batches.h"

#include <ATen/ATen.h>

#include <optional>
#include <utility>

namespace convmae {
namespace {

class FinetuneRun : public ClassifierRun {
 public:
  FinetuneRun(FinetuneOptions& options, const RunContext& context)
      : ClassifierRun(options, context, ClassifierHead::linear), options_(options) {
    start();
  }

 protected:
  std::string command() const override { return "finetune"; }

  void check_options() override {
    resolve(options_);
    validate(options_);
  }

  void build_model() override {
    build_classifier();
    PooledEncoder& encoder = classifier().encoder();
    optimizer_.emplace(layer_decay_groups(classifier(), options_.weight_decay, options_.layer_decay,
                                          encoder.num_layers()),
                       AdamWOptions{.beta1 = options_.beta1, .beta2 = options_.beta2});
    drop_path_rates_ = drop_path_rates(options_.drop_path, encoder.num_blocks());
    start_average();
  }

  std::int64_t initialise_model() override {
    const std::int64_t epochs = ClassifierRun::initialise_model();
    start_average();
    return epochs;
  }

  Optimizer& optimizer() override { return *optimizer_; }

  FurtherState further_state() override {
    return average_ ? FurtherState{average_->tensors()} : FurtherState();
  }

  std::unique_ptr<BatchStream> open_batches(std::int64_t epoch, std::int64_t batch) override {
    TransformConfig transform = training_transform(options_);
    transform.rand_augment = options_.rand_augment();
    if (options_.reprob > 0) transform.random_erasing = options_.random_erasing();
    return load_batches(std::move(transform), epoch, batch);
  }

  at::Tensor loss(const Batch& batch) override {
    const auto epoch = static_cast<std::uint64_t>(batch.epoch);
    const std::vector<std::int64_t> labels = labels_of(batch, class_of());
    const MixingPolicy mixing = options_.mixing();
    const Size size = options_.model_config.encoder.img_size;
    std::vector<float> targets = mix_batch(
        mixing, {options_.seed, epoch, static_cast<std::uint64_t>(batch.global_indices.front())},
        {batch.pixels.get(), batch.count, options_.model_config.encoder.in_chans, size}, labels,
        classifier().config().num_classes);
    const at::Tensor target =
        at::from_blob(targets.data(), {batch.count, classifier().config().num_classes}, at::kFloat);
    const DropPath drop =
        draw_drop_path(drop_path_rates_, options_.seed, epoch, batch.global_indices);
    return soft_target_cross_entropy(classifier().forward(images(batch), drop), target.clone());
  }

  void stepped() override {
    if (average_) average_->update();
  }

  ClassificationMetrics evaluate() override {
    const UseAverage average(average_ ? &*average_ : nullptr);
    return ClassifierRun::evaluate();
  }

  void write_weights(const std::filesystem::path& path, const CheckpointInfo& info) override {
    const UseAverage average(average_ ? &*average_ : nullptr);
    ClassifierRun::write_weights(path, info);
  }

 private:
  /// From the weights as they are now.
  void start_average() {
    if (options_.model_ema_decay > 0) average_.emplace(classifier(), options_.model_ema_decay);
  }

  FinetuneOptions& options_;
  std::optional<AdamW> optimizer_;
  std::vector<double> drop_path_rates_;
  std::optional<WeightAverage> average_;
};

}  // namespace

int finetune(FinetuneOptions& options, const RunContext& context) {
  FinetuneRun run(options, context);
  return run.train();
}

}  // namespace convmae
