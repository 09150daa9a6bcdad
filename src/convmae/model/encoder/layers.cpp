#include "convmae/model/encoder/layers.h"

#include "convmae/ops/layer_norm.h"
#include "convmae/ops/linear.h"
#include "convmae/ops/mlp.h"

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

namespace convmae {

LayerNorm::LayerNorm(std::int64_t dim, double eps) : eps_(eps) {
  weight = register_parameter("weight", torch::empty({dim}));
  bias = register_parameter("bias", torch::empty({dim}));
}

at::Tensor LayerNorm::forward(const at::Tensor& x) const {
  return ops::layer_norm(x, parameters_for_linear());
}

Linear::Linear(std::int64_t in, std::int64_t out, WeightShape shape) {
  weight =
      register_parameter("weight", shape == WeightShape::linear ? torch::empty({out, in})
                                                                : torch::empty({out, in, 1, 1}));
  bias = register_parameter("bias", torch::empty({out}));
}

ops::Operand Linear::operand(at::ScalarType type) {
  ops::Operand operand = cache_.operand(weight, type);
  operand.gemm = gemm;
  return operand;
}

at::Tensor Linear::forward(const at::Tensor& x) {
  return ops::linear(x, operand(x.scalar_type()), bias);
}

at::Tensor Linear::forward(const at::Tensor& x, const LayerNorm& norm) {
  return ops::linear(x, operand(x.scalar_type()), bias, norm.parameters_for_linear());
}

at::Tensor Linear::forward_part(const at::Tensor& x, std::int64_t first, std::int64_t count) {
  const ops::Operand whole = operand(x.scalar_type());
  ops::Operand part(whole.weight.narrow(0, first, count), gemm);
  if (whole.copy.defined()) part.copy = whole.copy.narrow(0, first, count);
  return ops::linear(x, part, bias.narrow(0, first, count));
}

PatchConv::PatchConv(std::int64_t in, std::int64_t out, std::vector<std::int64_t> nesting)
    : nesting_(std::move(nesting)) {
  const std::int64_t kernel = c10::multiply_integers(nesting_);
  weight = register_parameter("weight", torch::empty({out, in, kernel, kernel}));
  bias = register_parameter("bias", torch::empty({out}));
}

at::Tensor PatchConv::forward(const at::Tensor& x) {
  // [out, in, y.., x..] -> [out, (y x).., in]
  const auto levels = static_cast<std::int64_t>(nesting_.size());
  std::vector<std::int64_t> shape{weight.size(0), weight.size(1)};
  shape.insert(shape.end(), nesting_.begin(), nesting_.end());
  shape.insert(shape.end(), nesting_.begin(), nesting_.end());
  std::vector<std::int64_t> order{0};
  for (std::int64_t level = 0; level < levels; ++level) {
    order.push_back(2 + level);
    order.push_back(2 + levels + level);
  }
  order.push_back(1);
  return ops::linear(x, {weight.view(shape).permute(order).flatten(1), gemm}, bias);
}

DepthwiseConv::DepthwiseConv(std::int64_t dim, std::int64_t kernel) {
  weight = register_parameter("weight", torch::empty({dim, 1, kernel, kernel}));
  bias = register_parameter("bias", torch::empty({dim}));
}

std::int64_t hidden_width(std::int64_t dim, double mlp_ratio) {
  return static_cast<std::int64_t>(static_cast<double>(dim) * mlp_ratio);
}

Mlp::Mlp(std::int64_t dim, std::int64_t hidden, WeightShape shape)
    : fc1_(register_module("fc1", std::make_shared<Linear>(dim, hidden, shape))),
      fc2_(register_module("fc2", std::make_shared<Linear>(hidden, dim, shape))) {}

at::Tensor Mlp::forward(const at::Tensor& x, const LayerNorm& norm) {
  const at::ScalarType type = x.scalar_type();
  return ops::mlp(x, fc1_->operand(type), fc1_->bias, fc2_->operand(type), fc2_->bias,
                  norm.parameters_for_linear());
}

void hold_weights_as(torch::nn::Module& module, at::ScalarType type) {
  const auto hold = [type](const at::Tensor& weight) { weight.set_data(weight.data().to(type)); };
  for (const auto& part : module.modules()) {
    if (const auto* const linear = dynamic_cast<const Linear*>(part.get())) hold(linear->weight);
    if (const auto* const conv = dynamic_cast<const PatchConv*>(part.get())) hold(conv->weight);
  }
}

void set_gemm_policy(torch::nn::Module& module, GemmPolicy policy) {
  module.apply([policy](torch::nn::Module& part) {
    if (auto* const linear = part.as<Linear>()) linear->gemm = policy;
    if (auto* const conv = part.as<PatchConv>()) conv->gemm = policy;
  });
}

void adopt(torch::nn::Module& whole, torch::nn::Module& part) {
  for (const auto& parameter : part.named_parameters(/*recurse=*/false)) {
    whole.register_parameter(parameter.key(), parameter.value(), parameter.value().requires_grad());
  }
  for (const auto& child : part.named_children()) {
    whole.register_module(child.key(), child.value());
  }
}

}  // namespace convmae
