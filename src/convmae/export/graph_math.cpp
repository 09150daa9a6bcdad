#include "convmae/export/graph_math.h"

#include "convmae/base/json_text.h"

#include <ATen/ATen.h>

#include <cstddef>
#include <memory>
#include <numbers>
#include <span>
#include <utility>

namespace convmae {
namespace {

/// From this version on, operators that reduce or split are told how in another way.
constexpr std::int64_t kAxesAreInputs = 18;

}  // namespace

GraphMath::GraphMath(const NamedTensors& parameters, std::int64_t opset)
    : parameters_(parameters.begin(), parameters.end()), opset_(opset) {}

GraphValue GraphMath::parameter(const std::string& name) { return weight(name, tensor(name)); }

GraphValue GraphMath::weight(const std::string& name, const at::Tensor& value) {
  weights_.emplace(name, value.detach());
  return {name};
}

GraphValue GraphMath::number(double value) {
  return weight("number." + json_text(value), at::scalar_tensor(value, at::kFloat));
}

GraphValue GraphMath::integers(const std::vector<std::int64_t>& values) {
  return weight("integers." + json_text(values), at::tensor(values, at::kLong));
}

GraphValue GraphMath::integer(std::int64_t value) {
  return weight("integer." + std::to_string(value), at::scalar_tensor(value, at::kLong));
}

std::vector<GraphValue> GraphMath::nodes(const std::string& op,
                                         const std::vector<GraphValue>& inputs,
                                         std::vector<OnnxAttribute> attributes,
                                         std::int64_t results) {
  const std::string name = op + "_" + std::to_string(numbers_[op]++);
  OnnxNode made{op, {}, {}, std::move(attributes)};
  made.inputs.reserve(inputs.size());
  for (const GraphValue& input : inputs) made.inputs.push_back(input.name);
  std::vector<GraphValue> values;
  for (std::int64_t i = 0; i < results; ++i) {
    values.push_back({results == 1 ? name : name + "." + std::to_string(i)});
    made.outputs.push_back(values.back().name);
  }
  nodes_.push_back(std::move(made));
  return values;
}

GraphValue GraphMath::node(const std::string& op, const std::vector<GraphValue>& inputs,
                           std::vector<OnnxAttribute> attributes) {
  return nodes(op, inputs, std::move(attributes), 1).front();
}

std::vector<GraphValue> GraphMath::with_bias(std::vector<GraphValue> inputs,
                                             const std::string& name) {
  const std::string bias = name + ".bias";
  if (has(bias)) inputs.push_back(parameter(bias));
  return inputs;
}

GraphValue GraphMath::linear(const GraphValue& x, const std::string& name) {
  // MatMul takes [in, out].
  const GraphValue product =
      matmul(x, weight(name + ".weight.transposed", tensor(name + ".weight").t()));
  return add(product, parameter(name + ".bias"));
}

GraphValue GraphMath::layer_norm(const GraphValue& x, const std::string& name, double eps) {
  return node("LayerNormalization", with_bias({x, parameter(name + ".weight")}, name),
              {{"epsilon", static_cast<float>(eps)}});
}

GraphValue GraphMath::convolution(const GraphValue& x, const std::string& name, std::int64_t stride,
                                  std::int64_t padding) {
  const at::Tensor& kernel = tensor(name + ".weight");
  const std::vector<std::int64_t> pads(4, padding);
  return node("Conv", with_bias({x, parameter(name + ".weight")}, name),
              {{"kernel_shape", kernel.sizes().slice(2).vec()},
               {"pads", pads},
               {"strides", std::vector<std::int64_t>{stride, stride}}});
}

GraphValue GraphMath::depthwise(const GraphValue& x, const std::string& name) {
  const at::Tensor& taps = tensor(name + ".weight");
  const std::vector<std::int64_t> pads(4, taps.size(2) / 2);
  return node(
      "Conv", with_bias({x, parameter(name + ".weight")}, name),
      {{"group", taps.size(0)}, {"kernel_shape", taps.sizes().slice(2).vec()}, {"pads", pads}});
}

GraphValue GraphMath::gelu(const GraphValue& x) {
  constexpr std::int64_t kHasGelu = 20;
  if (opset_ >= kHasGelu) return node("Gelu", {x});
  // x * (1 + erf(x / sqrt(2))) / 2, in the form that runtimes look for
  const GraphValue share =
      add(node("Erf", {node("Div", {x, number(std::numbers::sqrt2)})}), number(1));
  return multiply(multiply(x, share), number(0.5));
}

GraphValue GraphMath::softmax(const GraphValue& x) { return node("Softmax", {x}); }

GraphValue GraphMath::add(const GraphValue& x, const GraphValue& y) { return node("Add", {x, y}); }

GraphValue GraphMath::multiply(const GraphValue& x, const GraphValue& y) {
  return node("Mul", {x, y});
}

GraphValue GraphMath::matmul(const GraphValue& x, const GraphValue& y) {
  return node("MatMul", {x, y});
}

GraphValue GraphMath::scaled(const GraphValue& x, double factor) {
  return multiply(x, number(factor));
}

GraphValue GraphMath::permuted(const GraphValue& x, const std::vector<std::int64_t>& order) {
  return node("Transpose", {x}, {{"perm", order}});
}

GraphValue GraphMath::reshaped(const GraphValue& x, const std::vector<std::int64_t>& shape) {
  return node("Reshape", {x, integers(shape)});
}

std::vector<GraphValue> GraphMath::parts(const GraphValue& x, std::int64_t count) {
  std::vector<OnnxAttribute> attributes{{"axis", std::int64_t{-1}}};
  if (opset_ >= kAxesAreInputs) attributes.push_back({"num_outputs", count});
  return nodes("Split", {x}, std::move(attributes), count);
}

GraphValue GraphMath::as_float(const GraphValue& x) {
  constexpr std::int64_t kOnnxFloat = 1;  // of the format's TensorProto.DataType
  return node("Cast", {x}, {{"to", kOnnxFloat}});
}

GraphValue GraphMath::batch_norm(const GraphValue& x, const std::string& name, double eps) {
  const at::Tensor& variance = tensor(name + ".running_var");
  const bool affine = has(name + ".weight");
  const GraphValue scale =
      affine ? parameter(name + ".weight") : weight(name + ".ones", at::ones_like(variance));
  const GraphValue shift =
      affine ? parameter(name + ".bias") : weight(name + ".zeros", at::zeros_like(variance));
  return node(
      "BatchNormalization",
      {x, scale, shift, parameter(name + ".running_mean"), parameter(name + ".running_var")},
      {{"epsilon", static_cast<float>(eps)}});
}

GraphValue GraphMath::concatenated(const std::vector<GraphValue>& values, std::int64_t dim) {
  return values.size() == 1 ? values.front() : node("Concat", values, {{"axis", dim}});
}

GraphValue GraphMath::narrowed(const GraphValue& x, std::int64_t dim, std::int64_t from,
                               std::int64_t to) {
  return node("Slice", {x, integers({from}), integers({to}), integers({dim})});
}

GraphValue GraphMath::selected(const GraphValue& x, std::int64_t dim, std::int64_t index) {
  return node("Gather", {x, integer(index)}, {{"axis", dim}});
}

GraphValue GraphMath::mean(const GraphValue& x, std::int64_t dim) {
  const OnnxAttribute without_it{"keepdims", std::int64_t{0}};
  if (opset_ >= kAxesAreInputs) return node("ReduceMean", {x, integers({dim})}, {without_it});
  return node("ReduceMean", {x}, {{"axes", std::vector<std::int64_t>{dim}}, without_it});
}

GraphValue GraphMath::lengths(const GraphValue& x, std::int64_t from, std::int64_t to) {
  return node("Shape", {x}, {{"start", from}, {"end", to}});
}

GraphValue GraphMath::resized(const GraphValue& map, const GraphValue& sides,
                              Interpolation interpolation) {
  const GraphValue left_out;
  const GraphValue sizes = concatenated({lengths(map, 0, 2), sides}, 0);
  std::vector<OnnxAttribute> attributes{{"coordinate_transformation_mode", "half_pixel"}};
  if (interpolation == Interpolation::bicubic) {
    attributes.push_back({"mode", "cubic"});
    attributes.push_back({"cubic_coeff_a", -0.75F});
  } else {
    attributes.push_back({"mode", "linear"});
  }
  return node("Resize", {map, left_out, left_out, sizes}, std::move(attributes));
}

void GraphMath::give(const GraphValue& x, const std::string& name) {
  nodes_.push_back({"Identity", {x.name}, {name}, {}});
}

void GraphMath::finish(OnnxModel& model) {
  model.opset = opset_;
  model.nodes = std::move(nodes_);
  // The bytes of one weight at a time.
  const auto bytes = std::make_shared<at::Tensor>();
  for (const auto& [name, value] : weights_) {
    const bool real = value.is_floating_point();
    model.weights.push_back(
        {name, real ? DType::f32 : DType::i64, value.sizes().vec(), [bytes, real, value = value] {
           *bytes = value.to(at::kCPU, real ? at::kFloat : at::kLong).contiguous();
           return std::span(static_cast<const std::byte*>(bytes->const_data_ptr()),
                            bytes->nbytes());
         }});
  }
}

}  // namespace convmae
