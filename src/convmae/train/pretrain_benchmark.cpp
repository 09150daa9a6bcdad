#include "convmae/train/pretrain_benchmark.h"

#include "convmae/model/dense_formulation.h"
#include "convmae/model/pretrain_model.h"
#include "convmae/model/visibility.h"
#include "convmae/train/cpu_clock.h"
#include "convmae/train/live_bytes.h"
#include "convmae/train/optimizer.h"
#include "convmae/train/param_groups.h"

#include <ATen/ATen.h>

#include <chrono>
#include <sys/resource.h>

namespace convmae {
namespace {

class Trainer {
 public:
  explicit Trainer(const PretrainBenchmarkOptions& options)
      : options_(options),
        model_(make_pretrain_model(options.model)),
        optimizer_(weight_decay_groups(*model_, 0.05), {}) {
    model_->initialise(options.seed);
    model_->set_compute_type(options.compute_type);
    const Size size = options.model.img_size;
    images_ = at::randn({options.batch_size, options.model.in_chans, size.height, size.width});
    noise_ = at::rand({options.batch_size, model_->noise_length()});
    if (!options.against_dense) return;
    const auto& strides = options.model.patch_size;
    const Size grid = Geometry(size, {strides.at(0), strides.at(1), strides.at(2)}).grid();
    const std::int64_t kept = num_kept(noise_.size(1), options.model.mask_ratio);
    keep_ = 1 - sample_blocks(noise_, kept, grid).mask();
    for (const auto& parameter : model_->named_parameters()) {
      parameters_.emplace(parameter.key(), parameter.value());
    }
  }

  at::Tensor loss() { return model_->forward(images_, noise_, Predict::removed).loss; }
  at::Tensor dense_loss() const {
    return dense::convmae_forward(parameters_, options_.model, images_, keep_).loss;
  }

  template <typename Loss>
  void step(Loss&& loss, StepCost& cost) {
    CpuStopwatch watch;
    const at::Tensor value = loss();
    watch.lap(cost.forward);
    value.backward();
    watch.lap(cost.backward);
    optimizer_.step(1e-4);
    optimizer_.zero_grad();
    watch.lap(cost.optimizer);
  }

  double activation_bytes() {
    loss();  // renews the copies of parameters, which are not activations
    const LiveBytes live;
    const at::Tensor value = loss();
    return static_cast<double>(live.now());
  }

 private:
  PretrainBenchmarkOptions options_;
  std::shared_ptr<PretrainModel> model_;
  AdamW optimizer_;
  at::Tensor images_;
  at::Tensor noise_;
  at::Tensor keep_;               ///< of the dense formulation: [B, L], 1 = kept
  dense::Parameters parameters_;  ///< likewise
};

StepCost per_step(const StepCost& sum, std::int64_t steps) {
  const auto n = static_cast<double>(steps);
  return {sum.forward / n, sum.backward / n, sum.optimizer / n};
}

}  // namespace

double PretrainBenchmark::product_flops() const {
  double sum = 0;
  for (const auto& [shape, calls] : products) sum += shape.flops() * static_cast<double>(calls);
  return sum;
}

PretrainBenchmark benchmark_pretrain(const PretrainBenchmarkOptions& options) {
  using Clock = std::chrono::steady_clock;
  Trainer trainer(options);
  PretrainBenchmark result;
  StepCost unmeasured;
  {
    const ops::ProductCounter counter;
    trainer.step([&] { return trainer.loss(); }, unmeasured);
    result.products = counter.counts();
  }
  StepCost ours;
  StepCost dense;
  std::chrono::duration<double> wall{};
  for (std::int64_t i = 0; i < options.steps; ++i) {
    const Clock::time_point begin = Clock::now();
    trainer.step([&] { return trainer.loss(); }, ours);
    wall += Clock::now() - begin;
    if (options.against_dense) trainer.step([&] { return trainer.dense_loss(); }, dense);
  }
  result.cost = per_step(ours, options.steps);
  if (options.against_dense) result.dense_cost = per_step(dense, options.steps);
  result.wall_seconds = wall.count() / static_cast<double>(options.steps);
  result.images_per_second = static_cast<double>(options.batch_size) / result.wall_seconds;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  result.peak_rss_bytes = static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
  result.activation_bytes_per_image =
      trainer.activation_bytes() / static_cast<double>(options.batch_size);
  return result;
}

}  // namespace convmae
