#include "convmae/benchmark/operator_benchmark.h"

#include "convmae/base/cpu_clock.h"
#include "convmae/base/geometry.h"
#include "convmae/benchmark/gemm_rates.h"
#include "convmae/model/masking/visibility.h"
#include "convmae/ops/attention.h"
#include "convmae/ops/gemm.h"
#include "convmae/ops/layer_norm.h"
#include "convmae/ops/masked_depthwise_conv2d.h"
#include "convmae/ops/mlp.h"
#include "convmae/ops/score_bias.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <optional>

namespace convmae {
namespace {

constexpr double kOperatorSeconds = 0.1;
const Size kImage{224, 224};

at::Tensor leaf(at::IntArrayRef shape, at::ScalarType type) {
  return at::randn(shape).to(type).requires_grad_(true);
}

double bytes_of(const at::Tensor& x) { return static_cast<double>(x.nbytes()); }

double seconds_of(const std::function<at::Tensor()>& forward) {
  const at::Tensor grad = at::ones_like(forward());
  return cpu_seconds_of([&] { forward().backward(grad); }, kOperatorSeconds);
}

/// Reads x, writes y; then reads x and the gradient of y, and writes that of x.
double pointwise_bytes(const at::Tensor& x) { return 5 * bytes_of(x); }

OperatorCost depthwise(at::ScalarType type, std::int64_t batch, int stage, std::int64_t channels,
                       std::int64_t percent) {
  constexpr std::int64_t kKernel = 5;
  const Geometry geometry(kImage, {4, 2, 2});
  const std::int64_t visible = geometry.num_blocks() * percent / 100;
  const Visibility seen =
      sample_blocks(at::rand({batch, geometry.num_blocks()}), visible, geometry.grid());
  const at::Tensor x = leaf({batch, visible, geometry.cells(stage), channels}, type);
  const at::Tensor weight = leaf({channels, 1, kKernel, kKernel}, at::kFloat);
  const at::Tensor bias = leaf({channels}, at::kFloat);
  OperatorCost cost{
      .name = "masked_depthwise_conv2d",
      .size = "stage " + std::to_string(stage) + ", " + std::to_string(percent) + " % visible"};
  cost.cpu_seconds = seconds_of([&] {
    return ops::masked_depthwise_conv2d(x, weight, bias, seen.kept, seen.slot,
                                        geometry.nesting(stage));
  });
  // Forward, input gradient and weight gradient; taps that meet a removed block are counted too.
  cost.flops = 3 * 2.0 * static_cast<double>(x.numel() * kKernel * kKernel);
  cost.bytes = pointwise_bytes(x);
  return cost;
}

OperatorCost attention(at::ScalarType type, std::int64_t batch, const std::string& where,
                       std::int64_t tokens, std::int64_t heads, std::int64_t dim,
                       const ops::ScoreBias& bias = {}) {
  const std::int64_t width = heads * dim;
  const at::Tensor qkv = leaf({batch, tokens, 3 * width}, type);
  const ops::Projection projection{leaf({width, width}, type), leaf({width}, type)};
  OperatorCost cost{.name = "self_attention",
                    .size = where + ", " + std::to_string(tokens) + " tokens"};
  cost.cpu_seconds =
      seconds_of([&] { return ops::self_attention(qkv, heads, projection, std::nullopt, bias); });
  // Two GEMMs forward; six backward, as scores and result are computed again. Then the
  // projection.
  cost.flops = 8 * 2.0 * static_cast<double>(batch * tokens * tokens * width) +
               3 * 2.0 * static_cast<double>(batch * tokens * width * width);
  cost.bytes = 3 * bytes_of(qkv) + 3 * bytes_of(qkv) / 3;
  return cost;
}

OperatorCost gelu(at::ScalarType type, std::int64_t rows, std::int64_t width) {
  const at::Tensor x = leaf({rows, width}, type);
  OperatorCost cost{.name = "gelu", .size = std::to_string(rows) + " x " + std::to_string(width)};
  cost.cpu_seconds = seconds_of([&] { return ops::gelu(x); });
  // One exp and two polynomials of about 40 operations a pass.
  cost.flops = 2 * 40.0 * static_cast<double>(x.numel());
  cost.bytes = pointwise_bytes(x);
  return cost;
}

OperatorCost layer_norm(at::ScalarType type, std::int64_t rows, std::int64_t width) {
  const at::Tensor x = leaf({rows, width}, type);
  const at::Tensor weight = leaf({width}, at::kFloat);
  const at::Tensor bias = leaf({width}, at::kFloat);
  OperatorCost cost{.name = "layer_norm",
                    .size = std::to_string(rows) + " x " + std::to_string(width)};
  cost.cpu_seconds = seconds_of([&] { return ops::layer_norm(x, {weight, bias, 1e-6}); });
  cost.flops = 20.0 * static_cast<double>(x.numel());
  cost.bytes = pointwise_bytes(x);
  return cost;
}

OperatorCost mlp(at::ScalarType type, const std::string& where, std::int64_t rows,
                 std::int64_t width, std::int64_t hidden) {
  const at::Tensor x = leaf({rows, width}, type);
  const at::Tensor weight1 = leaf({hidden, width}, type);
  const at::Tensor bias1 = leaf({hidden}, type);
  const at::Tensor weight2 = leaf({width, hidden}, type);
  const at::Tensor bias2 = leaf({width}, type);
  OperatorCost cost{.name = "mlp", .size = where};
  cost.cpu_seconds = seconds_of([&] { return ops::mlp(x, weight1, bias1, weight2, bias2); });
  cost.flops = 3 * 2 * 2.0 * static_cast<double>(rows * width * hidden);
  cost.bytes = pointwise_bytes(x) + 4 * bytes_of(weight1);
  return cost;
}

}  // namespace

double MachineLimits::share(const OperatorCost& cost) const {
  return std::max(cost.gigabytes_per_second() / gigabytes_per_second, cost.gflops() / gflops);
}

MachineLimits measure_limits(c10::ScalarType type) {
  constexpr std::int64_t kFloats = std::int64_t{1} << 26;
  constexpr std::int64_t kSide = 2048;
  MachineLimits limits;
  const at::Tensor from = at::ones({kFloats});
  at::Tensor to = at::empty_like(from);
  limits.gigabytes_per_second =
      2 * bytes_of(from) / cpu_seconds_of([&] { to.copy_(from); }, kOperatorSeconds) / 1e9;
  const ops::GemmShape square{ops::GemmShape::Kind::forward, kSide, kSide, kSide, type};
  limits.gflops = measure_gemms({{square, 1}}).front().best_gflops();
  return limits;
}

std::vector<OperatorCost> benchmark_operators(c10::ScalarType type, std::int64_t batch_size) {
  const std::int64_t n = batch_size;
  const ops::ScoreBias table{.table = leaf({12, 27, 27}, at::kFloat)};
  const ops::ScoreBias decomposed{.rows = leaf({n, 12, 196, 14}, type),
                                  .columns = leaf({n, 12, 196, 14}, type)};
  return {depthwise(type, n, 1, 256, 25),
          depthwise(type, n, 2, 384, 25),
          depthwise(type, n, 1, 256, 100),
          depthwise(type, n, 2, 384, 100),
          attention(type, n, "stage 3", 49, 12, 64),
          attention(type, n, "decoder", 196, 16, 32),
          attention(type, n, "stage 3, all visible", 196, 12, 64),
          attention(type, n, "the same with a table of biases", 196, 12, 64, table),
          attention(type, n, "the same with biases by row and column", 196, 12, 64, decomposed),
          gelu(type, n * 49 * 16, 1024),
          layer_norm(type, n * 49 * 16, 256),
          layer_norm(type, n * 196, 512),
          mlp(type, "stage 1, 25 % visible", n * 49 * 16, 256, 1024),
          mlp(type, "stage 2, 25 % visible", n * 49 * 4, 384, 1536),
          mlp(type, "stage 3, 25 % visible", n * 49, 768, 3072),
          mlp(type, "decoder", n * 196, 512, 2048)};
}

}  // namespace convmae
