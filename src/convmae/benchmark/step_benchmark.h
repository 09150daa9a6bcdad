#pragma once

#include "convmae/benchmark/kernel_profile.h"
#include "convmae/detect/detector_config.h"
#include "convmae/model/compute.h"
#include "convmae/model/config.h"
#include "convmae/ops/gemm.h"
#include "convmae/segment/segmentor_config.h"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace convmae {

enum class BenchmarkTask {
  pretrain,   ///< forward, backward and AdamW of masked pretraining
  finetune,   ///< the same of a classifier that sees whole images
  inference,  ///< that classifier's forward pass alone
  detect,     ///< forward, backward and AdamW of a detector
  segment,    ///< the same of a segmentor
};

struct StepBenchmarkOptions {
  BenchmarkTask task = BenchmarkTask::pretrain;
  ModelConfig model;                ///< of all but the dense tasks
  std::int64_t num_classes = 1000;  ///< of a classifier
  DetectorConfig detector = detector_preset("alpha");
  SegmentorConfig segmentor;
  /// Of a detector the encoder and the pyramid alone, with the sum of all levels for a loss.
  bool backbone_alone = false;
  /// The encoder's activations are computed once more in the backward pass.
  bool recompute = false;
  std::int64_t batch_size = 8;
  std::int64_t steps = 5;
  std::uint64_t seed = 0;
  Compute compute;
  /// Also run the published dense formulation (model/dense_formulation.h), step by step in turn
  /// with ours. Only for pretraining with Method::convmae and block-wise masks, in float32.
  bool against_dense = false;
  /// Take one more step, under a profiler.
  bool profile = false;
};

/// CPU seconds of a step, all threads.
struct StepCost {
  double forward = 0;
  double backward = 0;
  double optimizer = 0;

  double total() const { return forward + backward + optimizer; }
};

struct StepBenchmark {
  StepCost cost;
  std::optional<StepCost> dense_cost;
  double wall_seconds = 0;  ///< of a step of ours
  double images_per_second = 0;
  std::int64_t peak_rss_bytes = 0;                ///< of the process
  std::optional<std::int64_t> peak_device_bytes;  ///< of a device with memory of its own
  /// Bytes of tensors that a forward pass leaves for the backward pass.
  double activation_bytes_per_image = 0;
  std::map<ops::GemmShape, std::int64_t> gemms;  ///< of a step of ours
  std::vector<KernelTime> kernels;               ///< of a step of ours; empty if not asked for

  /// Of Linear layers alone, not of convolutions.
  double gemm_flops() const;
};

/// Takes steps on random images: what a task costs without its data. A first step, not measured,
/// allocates what the others use again; then come `steps` measured ones.
StepBenchmark benchmark_steps(const StepBenchmarkOptions& options);

}  // namespace convmae
