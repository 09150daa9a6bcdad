#pragma once

#include "convmae/io/onnx/onnx.h"
#include "convmae/model/named_tensors.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace convmae {

/// What a graph input, a node or a weight gives.
struct GraphValue {
  std::string name;
};

/// Writes a computation down as the nodes of an ONNX graph: the `Math` of model/dense_description.h
/// and what segmentors and poolings need beside it. Only parameters that are asked for become
/// weights of the graph. Operators are those of version 17 or 20, in which GELU is one of them.
class GraphMath {
 public:
  using Value = GraphValue;

  /// The parameters are float32, on any device.
  GraphMath(const NamedTensors& parameters, std::int64_t opset);

  // Of the dense description.
  bool has(const std::string& name) const { return parameters_.contains(name); }
  GraphValue parameter(const std::string& name);
  GraphValue linear(const GraphValue& x, const std::string& name);
  GraphValue layer_norm(const GraphValue& x, const std::string& name, double eps);
  GraphValue convolution(const GraphValue& x, const std::string& name, std::int64_t stride,
                         std::int64_t padding);
  GraphValue depthwise(const GraphValue& x, const std::string& name);
  GraphValue gelu(const GraphValue& x);
  GraphValue softmax(const GraphValue& x);
  GraphValue add(const GraphValue& x, const GraphValue& y);
  GraphValue multiply(const GraphValue& x, const GraphValue& y);
  GraphValue matmul(const GraphValue& x, const GraphValue& y);
  GraphValue scaled(const GraphValue& x, double factor);
  GraphValue permuted(const GraphValue& x, const std::vector<std::int64_t>& order);
  GraphValue reshaped(const GraphValue& x, const std::vector<std::int64_t>& shape);
  std::vector<GraphValue> parts(const GraphValue& x, std::int64_t count);

  /// What a parameter is, to make another weight of it.
  const at::Tensor& tensor(const std::string& name) const { return parameters_.at(name); }
  /// A weight that is made for the graph; equal names are one weight.
  GraphValue weight(const std::string& name, const at::Tensor& value);
  GraphValue number(double value);
  GraphValue integer(std::int64_t value);
  GraphValue integers(const std::vector<std::int64_t>& values);

  /// Any other operator that has one result. A value without a name is an input that is left out.
  GraphValue node(const std::string& op, const std::vector<GraphValue>& inputs,
                  std::vector<OnnxAttribute> attributes = {});

  GraphValue as_float(const GraphValue& x);
  GraphValue relu(const GraphValue& x) { return node("Relu", {x}); }
  /// By running statistics, with scale and shift where there are such parameters.
  GraphValue batch_norm(const GraphValue& x, const std::string& name, double eps);
  GraphValue concatenated(const std::vector<GraphValue>& values, std::int64_t dim);
  /// [from, to) of one dimension; `to` may be beyond its end.
  GraphValue narrowed(const GraphValue& x, std::int64_t dim, std::int64_t from, std::int64_t to);
  /// Number `index` of a dimension, which goes.
  GraphValue selected(const GraphValue& x, std::int64_t dim, std::int64_t index);
  GraphValue mean(const GraphValue& x, std::int64_t dim);
  /// The lengths of the dimensions [from, to) of x, as integers [to - from].
  GraphValue lengths(const GraphValue& x, std::int64_t from, std::int64_t to);

  enum class Interpolation { bilinear, bicubic };
  /// A map [B, C, H, W] at another height and width, integers [2], as PyTorch's `interpolate`
  /// without `align_corners` makes it.
  GraphValue resized(const GraphValue& map, const GraphValue& sides, Interpolation interpolation);

  /// Names what a graph gives.
  void give(const GraphValue& x, const std::string& name);
  /// Hands over nodes and weights. Nothing may be asked for afterwards.
  void finish(OnnxModel& model);

 private:
  std::vector<GraphValue> nodes(const std::string& op, const std::vector<GraphValue>& inputs,
                                std::vector<OnnxAttribute> attributes, std::int64_t results);
  std::vector<GraphValue> with_bias(std::vector<GraphValue> inputs, const std::string& name);

  std::map<std::string, at::Tensor> parameters_;
  std::int64_t opset_;
  std::vector<OnnxNode> nodes_;
  std::map<std::string, std::int64_t> numbers_;  ///< of nodes so far, by operator
  std::map<std::string, at::Tensor> weights_;
};

}  // namespace convmae
