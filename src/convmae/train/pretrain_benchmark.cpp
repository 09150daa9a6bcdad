#include "convmae/train/pretrain_benchmark.h"

#include "convmae/model/pretrain_model.h"
#include "convmae/train/optimizer.h"
#include "convmae/train/param_groups.h"

#include <ATen/ATen.h>

#include <chrono>
#include <sys/resource.h>

namespace convmae {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Adds the CPU time between its calls to one sum after the other.
class Stopwatch {
 public:
  void lap(double& sum) {
    const double now = cpu_seconds();
    sum += now - last_;
    last_ = now;
  }

 private:
  double last_ = cpu_seconds();
};

}  // namespace

PretrainBenchmark benchmark_pretrain(const PretrainBenchmarkOptions& options) {
  const auto model = make_pretrain_model(options.model);
  model->initialise(options.seed);
  AdamW optimizer(weight_decay_groups(*model, 0.05), {});
  const Size size = options.model.img_size;
  const at::Tensor images =
      at::randn({options.batch_size, options.model.in_chans, size.height, size.width});
  const at::Tensor noise = at::rand({options.batch_size, model->noise_length()});

  PretrainBenchmark result;
  const auto start = std::chrono::steady_clock::now();
  Stopwatch watch;
  for (std::int64_t step = 0; step < options.steps; ++step) {
    const at::Tensor loss = model->forward(images, noise, Predict::removed).loss;
    watch.lap(result.forward_cpu_seconds);
    loss.backward();
    watch.lap(result.backward_cpu_seconds);
    optimizer.step(1e-4);
    optimizer.zero_grad();
    watch.lap(result.optimizer_cpu_seconds);
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;

  const auto steps = static_cast<double>(options.steps);
  result.forward_cpu_seconds /= steps;
  result.backward_cpu_seconds /= steps;
  result.optimizer_cpu_seconds /= steps;
  result.wall_seconds = wall.count() / steps;
  result.images_per_second = static_cast<double>(options.batch_size) / result.wall_seconds;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  result.peak_rss_bytes = static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
  return result;
}

}  // namespace convmae
