// The two functions that the time of a step goes into, at the sizes of ConvMAE-B: the spatial
// mixing of stages 1 and 2, visible blocks only (with every block visible it is what fine-tuning
// runs), and the matrix products, on either backend.

#include "convmae/base/geometry.h"
#include "convmae/model/visibility.h"
#include "convmae/ops/gemm.h"
#include "convmae/ops/linear.h"
#include "convmae/ops/masked_depthwise_conv2d.h"

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <cstdint>
#include <optional>

namespace {

using convmae::GemmBackend;
using convmae::Geometry;
using convmae::Visibility;

constexpr std::int64_t kBatch = 8;

// range: stage, channels, percentage of blocks that are visible
void depthwise(benchmark::State& state) {
  const int stage = static_cast<int>(state.range(0));
  const std::int64_t channels = state.range(1);
  const Geometry geometry({224, 224}, {4, 2, 2});
  const std::int64_t visible = geometry.num_blocks() * state.range(2) / 100;
  at::manual_seed(0);
  const Visibility seen =
      convmae::sample_blocks(at::rand({kBatch, geometry.num_blocks()}), visible, geometry.grid());
  const at::Tensor x =
      at::randn({kBatch, visible, geometry.cells(stage), channels}).requires_grad_(true);
  const at::Tensor weight = at::randn({channels, 1, 5, 5}).requires_grad_(true);
  const at::Tensor bias = at::randn({channels}).requires_grad_(true);
  while (state.KeepRunning()) {
    const at::Tensor y = convmae::ops::masked_depthwise_conv2d(x, weight, bias, seen.kept,
                                                               seen.slot, geometry.nesting(stage));
    y.backward(at::ones_like(y));
  }
  state.SetItemsProcessed(state.iterations() * kBatch);
}
BENCHMARK(depthwise)
    ->ArgNames({"stage", "channels", "visible"})
    ->Args({1, 256, 25})
    ->Args({2, 384, 25})
    ->Args({1, 256, 100})
    ->Args({2, 384, 100})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// range: rows, inputs, outputs
void linear(benchmark::State& state, GemmBackend backend, at::ScalarType type) {
  convmae::set_gemm_backend(backend);
  const std::int64_t rows = state.range(0);
  const std::int64_t inputs = state.range(1);
  const std::int64_t outputs = state.range(2);
  at::manual_seed(0);
  const at::Tensor x = at::randn({rows, inputs}, type).requires_grad_(true);
  const at::Tensor weight = at::randn({outputs, inputs}, type).requires_grad_(true);
  const at::Tensor bias = at::randn({outputs}, type).requires_grad_(true);
  while (state.KeepRunning()) {
    const at::Tensor y = convmae::ops::linear(x, weight, bias);
    y.backward(at::ones_like(y));
  }
  // forward, input gradient and weight gradient: two operations a multiply-add each
  const double flops = 6.0 * static_cast<double>(rows * inputs * outputs);
  state.counters["flops"] =
      benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
  convmae::set_gemm_backend(std::nullopt);
}

// The MLPs of stage 1, stage 2 and stage 3 at batch 8 with a quarter of the blocks visible.
void mlp_sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"rows", "in", "out"})
      ->Args({kBatch * 49 * 16, 256, 1024})
      ->Args({kBatch * 49 * 4, 384, 1536})
      ->Args({kBatch * 49, 768, 3072})
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}
BENCHMARK_CAPTURE(linear, aten_float32, GemmBackend::aten, at::kFloat)->Apply(mlp_sizes);
BENCHMARK_CAPTURE(linear, onednn_float32, GemmBackend::onednn, at::kFloat)->Apply(mlp_sizes);
BENCHMARK_CAPTURE(linear, aten_bfloat16, GemmBackend::aten, at::kBFloat16)->Apply(mlp_sizes);
BENCHMARK_CAPTURE(linear, onednn_bfloat16, GemmBackend::onednn, at::kBFloat16)->Apply(mlp_sizes);

}  // namespace
