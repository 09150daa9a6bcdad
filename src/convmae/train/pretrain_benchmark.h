#pragma once

#include "convmae/model/config.h"
#include "convmae/ops/gemm.h"

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <map>
#include <optional>

namespace convmae {

struct PretrainBenchmarkOptions {
  ModelConfig model;
  std::int64_t batch_size = 8;
  std::int64_t steps = 5;
  std::uint64_t seed = 0;
  c10::ScalarType compute_type = c10::kFloat;
  /// Also run the published dense formulation (model/dense_formulation.h), step by step in turn
  /// with ours. Only for Method::convmae with block-wise masks, in float32.
  bool against_dense = false;
};

/// CPU seconds of a step, all threads.
struct StepCost {
  double forward = 0;
  double backward = 0;
  double optimizer = 0;

  double total() const { return forward + backward + optimizer; }
};

struct PretrainBenchmark {
  StepCost cost;
  std::optional<StepCost> dense_cost;
  double wall_seconds = 0;  ///< of a step of ours
  double images_per_second = 0;
  std::int64_t peak_rss_bytes = 0;  ///< of the process
  /// Bytes of tensors that a forward pass leaves for the backward pass.
  double activation_bytes_per_image = 0;
  std::map<ops::ProductShape, std::int64_t> products;  ///< matrix products of a step of ours

  double product_flops() const;
};

/// Trains on random images (forward, backward, AdamW): what pretraining costs without its data. A
/// first step, not measured, allocates what the others use again; then come `steps` measured ones.
PretrainBenchmark benchmark_pretrain(const PretrainBenchmarkOptions& options);

}  // namespace convmae
