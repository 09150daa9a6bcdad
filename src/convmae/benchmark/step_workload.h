#pragma once

#include "convmae/benchmark/step_benchmark.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <functional>
#include <memory>

namespace convmae {

/// What a step computes: a loss, or in inference the logits.
struct StepWorkload {
  std::shared_ptr<torch::nn::Module> module;
  std::function<at::Tensor()> forward;
  std::function<at::Tensor()> dense_forward;  ///< may be empty
};

/// A batch of random numbers [B, C, H, W] float32, on the device.
at::Tensor random_images(const StepBenchmarkOptions& options, const EncoderConfig& encoder);

/// That of the options' task, on random images.
StepWorkload step_workload(const StepBenchmarkOptions& options);

// Those of the dense tasks, on images of the same size with a few objects or classes.
StepWorkload detection_workload(const StepBenchmarkOptions& options);
StepWorkload segmentation_workload(const StepBenchmarkOptions& options);

}  // namespace convmae
