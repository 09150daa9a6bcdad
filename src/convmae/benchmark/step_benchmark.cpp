#include "convmae/benchmark/step_benchmark.h"

#include "convmae/base/cpu_clock.h"
#include "convmae/benchmark/live_bytes.h"
#include "convmae/classify/classification_loss.h"
#include "convmae/model/autoencoder/pretrain_model.h"
#include "convmae/model/classifier.h"
#include "convmae/model/dense_formulation.h"
#include "convmae/model/masking/visibility.h"
#include "convmae/optim/optimizer.h"
#include "convmae/optim/param_groups.h"

#include <ATen/ATen.h>

#include <chrono>
#include <functional>
#include <sys/resource.h>

namespace convmae {
namespace {

/// What a step computes: a loss, or in inference the logits.
struct Workload {
  std::shared_ptr<torch::nn::Module> module;
  std::function<at::Tensor()> forward;
  std::function<at::Tensor()> dense_forward;  ///< may be empty
};

at::Tensor random_images(const StepBenchmarkOptions& options) {
  const Size size = options.model.encoder.img_size;
  return at::randn({options.batch_size, options.model.encoder.in_chans, size.height, size.width})
      .to(options.compute.device);
}

std::function<at::Tensor()> dense_pretraining(const StepBenchmarkOptions& options,
                                              const PretrainModel& model, const at::Tensor& images,
                                              const at::Tensor& noise) {
  const Size grid = geometry_of(options.model.encoder).grid();
  const std::int64_t kept = num_kept(noise.size(1), options.model.masking.ratio);
  const at::Tensor keep = 1 - sample_blocks(noise, kept, grid).mask();
  dense::Parameters parameters;
  for (const auto& parameter : model.named_parameters()) {
    parameters.emplace(parameter.key(), parameter.value());
  }
  return [config = options.model, images, keep, parameters] {
    return dense::convmae_forward(parameters, config, images, keep).loss;
  };
}

Workload pretraining(const StepBenchmarkOptions& options) {
  const std::shared_ptr<PretrainModel> model = make_pretrain_model(options.model);
  model->initialise(options.seed);
  model->use(options.compute);
  const at::Tensor images = random_images(options);
  const at::Tensor noise = at::rand({options.batch_size, model->noise_length()});
  Workload workload{model, [=] { return model->forward(images, noise, Predict::removed).loss; },
                    nullptr};
  if (options.against_dense) {
    workload.dense_forward = dense_pretraining(options, *model, images, noise);
  }
  return workload;
}

Workload classification(const StepBenchmarkOptions& options) {
  const auto model = std::make_shared<Classifier>(
      ClassifierConfig{.encoder = options.model.encoder, .num_classes = options.num_classes});
  model->initialise(options.seed);
  place(*model, options.compute);
  const at::Tensor images = random_images(options).to(options.compute.type);
  if (options.task == BenchmarkTask::inference) {
    hold_weights_as(model->encoder(), options.compute.type);
    return {model, [=] { return model->forward(images); }, nullptr};
  }
  const at::Tensor target =
      at::rand({options.batch_size, options.num_classes}).softmax(1).to(options.compute.device);
  return {model, [=] { return soft_target_cross_entropy(model->forward(images), target); },
          nullptr};
}

class Stepper {
 public:
  explicit Stepper(const StepBenchmarkOptions& options)
      : workload_(options.task == BenchmarkTask::pretrain ? pretraining(options)
                                                          : classification(options)) {
    if (options.task != BenchmarkTask::inference) {
      optimizer_.emplace(weight_decay_groups(*workload_.module, 0.05), AdamWOptions{});
    }
  }

  void step(StepCost& cost) { step(workload_.forward, cost); }
  void dense_step(StepCost& cost) { step(workload_.dense_forward, cost); }

  double activation_bytes() const {
    workload_.forward();  // renews the copies of parameters, which are not activations
    const LiveBytes live;
    const at::Tensor value = workload_.forward();
    return static_cast<double>(live.now());
  }

 private:
  void step(const std::function<at::Tensor()>& forward, StepCost& cost) {
    const at::AutoGradMode gradients(optimizer_.has_value());
    CpuStopwatch watch;
    const at::Tensor value = forward();
    watch.lap(cost.forward);
    if (!optimizer_) return;
    value.backward();
    watch.lap(cost.backward);
    optimizer_->step(1e-4);
    optimizer_->zero_grad();
    watch.lap(cost.optimizer);
  }

  Workload workload_;
  std::optional<AdamW> optimizer_;  ///< none in inference
};

StepCost per_step(const StepCost& sum, std::int64_t steps) {
  const auto n = static_cast<double>(steps);
  return {sum.forward / n, sum.backward / n, sum.optimizer / n};
}

}  // namespace

double StepBenchmark::gemm_flops() const {
  double sum = 0;
  for (const auto& [shape, calls] : gemms) sum += shape.flops() * static_cast<double>(calls);
  return sum;
}

StepBenchmark benchmark_steps(const StepBenchmarkOptions& options) {
  using Clock = std::chrono::steady_clock;
  Stepper stepper(options);
  StepBenchmark result;
  StepCost unmeasured;
  {
    const ops::GemmCounter counter;
    stepper.step(unmeasured);
    result.gemms = counter.counts();
  }
  StepCost ours;
  StepCost dense;
  std::chrono::duration<double> wall{};
  for (std::int64_t i = 0; i < options.steps; ++i) {
    const Clock::time_point begin = Clock::now();
    stepper.step(ours);
    wall += Clock::now() - begin;
    if (options.against_dense) stepper.dense_step(dense);
  }
  result.cost = per_step(ours, options.steps);
  if (options.against_dense) result.dense_cost = per_step(dense, options.steps);
  result.wall_seconds = wall.count() / static_cast<double>(options.steps);
  result.images_per_second = static_cast<double>(options.batch_size) / result.wall_seconds;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  result.peak_rss_bytes = static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
  if (options.task != BenchmarkTask::inference) {
    result.activation_bytes_per_image =
        stepper.activation_bytes() / static_cast<double>(options.batch_size);
  }
  return result;
}

}  // namespace convmae
