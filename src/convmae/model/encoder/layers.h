#pragma once

#include "convmae/ops/layer_norm.h"
#include "convmae/ops/operand.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

/// The layers that every part is made of. Parameters have the published names and shapes; a layer
/// whose weight is a convolution's keeps the convolution's shape and works on rows all the same.
///
/// A layer computes in the type of its input: with float32 parameters and a bfloat16 input,
/// GEMMs and results are bfloat16 while the statistics of norms, softmax and every sum inside a
/// GEMM are float32, and gradients of parameters are float32.
namespace convmae {

/// Whether a layer's weight has the shape of a Linear [out, in] or of a 1x1 convolution
/// [out, in, 1, 1].
enum class WeightShape { linear, convolution };

class LayerNorm : public torch::nn::Module {
 public:
  LayerNorm(std::int64_t dim, double eps);
  at::Tensor forward(const at::Tensor& x) const;

  /// For the layer behind, which then need not keep what this one gives.
  ops::Norm parameters_for_linear() const { return {weight, bias, eps_}; }

  at::Tensor weight;
  at::Tensor bias;

 private:
  double eps_;
};

/// y = x W^T + b on [..., in].
class Linear : public torch::nn::Module {
 public:
  Linear(std::int64_t in, std::int64_t out, WeightShape shape = WeightShape::linear);
  at::Tensor forward(const at::Tensor& x);
  /// Of norm(x).
  at::Tensor forward(const at::Tensor& x, const LayerNorm& norm);
  /// The same with the outputs [first, first + count) alone.
  at::Tensor forward_part(const at::Tensor& x, std::int64_t first, std::int64_t count);

  /// The weight for a GEMM with numbers of this type.
  ops::Operand operand(at::ScalarType type);

  at::Tensor weight;
  at::Tensor bias;
  GemmPolicy gemm;

 private:
  ops::OperandCache cache_;
};

/// A convolution whose kernel equals its stride, on channels-last cells in nested raster order,
/// where it is one GEMM: x [..., cells * in] -> [..., out]. `nesting` are the sides of the
/// rasters that one application covers, outermost first; their product is the kernel side.
class PatchConv : public torch::nn::Module {
 public:
  PatchConv(std::int64_t in, std::int64_t out, std::vector<std::int64_t> nesting);
  at::Tensor forward(const at::Tensor& x);

  at::Tensor weight;  ///< [out, in, k, k]
  at::Tensor bias;    ///< [out]
  GemmPolicy gemm;

 private:
  std::vector<std::int64_t> nesting_;
};

/// Parameters of a depthwise convolution with an odd kernel, for ops::masked_depthwise_conv2d.
class DepthwiseConv : public torch::nn::Module {
 public:
  DepthwiseConv(std::int64_t dim, std::int64_t kernel);

  at::Tensor weight;  ///< [dim, 1, k, k]
  at::Tensor bias;    ///< [dim]
};

/// The published rounding of an MLP's width: int(dim * ratio).
std::int64_t hidden_width(std::int64_t dim, double mlp_ratio);

/// fc1, exact GELU, fc2, of norm(x).
class Mlp : public torch::nn::Module {
 public:
  Mlp(std::int64_t dim, std::int64_t hidden, WeightShape shape);
  at::Tensor forward(const at::Tensor& x, const LayerNorm& norm);

 private:
  std::shared_ptr<Linear> fc1_;
  std::shared_ptr<Linear> fc2_;
};

/// For inference alone: gives the weights of all GEMMs in `module` this type, so that no second
/// copy of them is kept beside the first.
void hold_weights_as(torch::nn::Module& module, at::ScalarType type);

/// Gives every layer in `module` that multiplies matrices this policy.
void set_gemm_policy(torch::nn::Module& module, GemmPolicy policy);

/// Gives `whole` the children and parameters of `part` under their own names, so that parts can be
/// used alone and the whole still has the published, flat names.
void adopt(torch::nn::Module& whole, torch::nn::Module& part);

}  // namespace convmae
