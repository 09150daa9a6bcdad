#include "convmae/train/benchmark/product_rates.h"

#include "convmae/train/cpu_clock.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace convmae {
namespace {

double gflops(const ops::ProductShape& shape, GemmBackend backend) {
  constexpr double kTurnSeconds = 0.03;
  const GemmBackend in_force = gemm_backend(shape.type);
  set_gemm_backend(backend);
  const at::Tensor rows = at::randn({shape.rows, shape.in}).to(shape.type);
  const at::Tensor grad = at::randn({shape.rows, shape.out}).to(shape.type);
  const at::Tensor weight = at::randn({shape.out, shape.in}).to(shape.type);
  const auto compute = [&] {
    switch (shape.kind) {
      case ops::ProductShape::Kind::forward:
        return ops::product(rows, weight);
      case ops::ProductShape::Kind::input_gradient:
        return ops::input_gradient(grad, weight);
      case ops::ProductShape::Kind::weight_gradient:
        break;
    }
    return ops::weight_gradient(grad, rows);
  };
  const double seconds = cpu_seconds_of(compute, kTurnSeconds);
  set_gemm_backend(in_force);
  return shape.flops() / seconds / 1e9;
}

}  // namespace

double ProductRate::best_gflops() const { return std::max(aten_gflops, onednn_gflops); }

double ProductRate::seconds_at_best() const {
  return shape.flops() * static_cast<double>(calls) / best_gflops() / 1e9;
}

double ProductRate::seconds_with_aten() const {
  return shape.flops() * static_cast<double>(calls) / aten_gflops / 1e9;
}

std::vector<ProductRate> measure_products(const std::map<ops::ProductShape, std::int64_t>& calls) {
  const at::NoGradGuard no_grad;
  std::vector<ProductRate> rates;
  for (const auto& [shape, count] : calls) {
    rates.push_back(
        {shape, count, gflops(shape, GemmBackend::aten), gflops(shape, GemmBackend::onednn)});
  }
  return rates;
}

}  // namespace convmae
