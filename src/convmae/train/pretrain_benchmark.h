#pragma once

#include "convmae/model/config.h"

#include <cstdint>

namespace convmae {

struct PretrainBenchmarkOptions {
  ModelConfig model;
  std::int64_t batch_size = 8;
  std::int64_t steps = 5;
  std::uint64_t seed = 0;
};

/// CPU time is what the operating system counted for all threads of the process.
struct PretrainBenchmark {
  double forward_cpu_seconds = 0;    ///< a step
  double backward_cpu_seconds = 0;   ///< a step
  double optimizer_cpu_seconds = 0;  ///< a step
  double wall_seconds = 0;           ///< a step
  double images_per_second = 0;
  std::int64_t peak_rss_bytes = 0;  ///< of the process so far

  double cpu_seconds_per_step() const {
    return forward_cpu_seconds + backward_cpu_seconds + optimizer_cpu_seconds;
  }
};

/// Runs exactly `steps` training steps (forward, backward, AdamW) on random images: what
/// pretraining costs without its data. No step is left out as a warm-up; take the difference of two
/// runs for that.
PretrainBenchmark benchmark_pretrain(const PretrainBenchmarkOptions& options);

}  // namespace convmae
