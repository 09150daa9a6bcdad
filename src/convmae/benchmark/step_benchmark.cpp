#include "convmae/benchmark/step_benchmark.h"

#include "convmae/base/cpu_clock.h"
#include "convmae/benchmark/live_bytes.h"
#include "convmae/benchmark/step_workload.h"
#include "convmae/ops/device.h"
#include "convmae/optim/optimizer.h"
#include "convmae/optim/param_groups.h"
#include "convmae/train/device_memory.h"

#include <chrono>
#include <functional>
#include <sys/resource.h>

namespace convmae {
namespace {

class Stepper {
 public:
  explicit Stepper(const StepBenchmarkOptions& options) : workload_(step_workload(options)) {
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

  StepWorkload workload_;
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
  wait_for(options.compute.device);
  StepCost ours;
  StepCost dense;
  std::chrono::duration<double> wall{};
  for (std::int64_t i = 0; i < options.steps; ++i) {
    const Clock::time_point begin = Clock::now();
    stepper.step(ours);
    if (options.against_dense || i + 1 == options.steps) wait_for(options.compute.device);
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
  if (const auto memory = memory_of(options.compute.device)) {
    result.peak_device_bytes = memory->most_in_use();
  }
  if (options.task != BenchmarkTask::inference) {
    result.activation_bytes_per_image =
        stepper.activation_bytes() / static_cast<double>(options.batch_size);
  }
  if (options.profile) {
    result.kernels = profile_kernels([&] { stepper.step(unmeasured); }, options.compute.device);
  }
  return result;
}

}  // namespace convmae
