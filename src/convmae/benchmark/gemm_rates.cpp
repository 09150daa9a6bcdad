#include "convmae/benchmark/gemm_rates.h"

#include "convmae/base/cpu_clock.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace convmae {
namespace {

double gflops(const ops::GemmShape& shape, GemmBackend backend) {
  constexpr double kTurnSeconds = 0.03;
  const GemmPolicy policy(backend, shape.type);
  const at::Tensor rows = at::randn({shape.rows, shape.in}).to(shape.type);
  const at::Tensor grad = at::randn({shape.rows, shape.out}).to(shape.type);
  const at::Tensor weight = at::randn({shape.out, shape.in}).to(shape.type);
  const auto compute = [&] {
    switch (shape.kind) {
      case ops::GemmShape::Kind::forward:
        return ops::linear_forward(rows, weight, std::nullopt, policy);
      case ops::GemmShape::Kind::input_gradient:
        return ops::input_gradient(grad, weight, policy);
      case ops::GemmShape::Kind::weight_gradient:
        break;
    }
    return ops::weight_gradient(grad, rows, shape.type, policy);
  };
  const double seconds = cpu_seconds_of(compute, kTurnSeconds);
  return shape.flops() / seconds / 1e9;
}

}  // namespace

double GemmRate::best_gflops() const {
  return std::max({aten_gflops, onednn_gflops, native_gflops.value_or(0)});
}

double GemmRate::seconds_at_best() const {
  return shape.flops() * static_cast<double>(calls) / best_gflops() / 1e9;
}

double GemmRate::seconds_with_aten() const {
  return shape.flops() * static_cast<double>(calls) / aten_gflops / 1e9;
}

std::vector<GemmRate> measure_gemms(const std::map<ops::GemmShape, std::int64_t>& calls) {
  const at::NoGradGuard no_grad;
  std::vector<GemmRate> rates;
  for (const auto& [shape, count] : calls) {
    GemmRate rate;
    rate.shape = shape;
    rate.calls = count;
    rate.aten_gflops = gflops(shape, GemmBackend::aten);
    rate.onednn_gflops = gflops(shape, GemmBackend::onednn);
    if (shape.type == at::kBFloat16 && has_gemm_backend(GemmBackend::native)) {
      rate.native_gflops = gflops(shape, GemmBackend::native);
    }
    rates.push_back(rate);
  }
  return rates;
}

}  // namespace convmae
