#include "convmae/model/dense/convolution.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

namespace convmae {
namespace {

constexpr double kBatchNormEps = 1e-5;
constexpr double kLayerNormEps = 1e-6;

/// A bias in the type of what it is added to; none stays none.
std::optional<at::Tensor> in_type(const at::Tensor& bias, at::ScalarType type) {
  return bias.defined() ? std::optional(bias.to(type)) : std::nullopt;
}

}  // namespace

Convolution::Convolution(const ConvolutionConfig& config)
    : stride_(config.stride), padding_(config.padding) {
  weight = register_parameter("weight",
                              torch::empty({config.out, config.in, config.kernel, config.kernel}));
  if (config.bias) bias = register_parameter("bias", torch::empty({config.out}));
}

at::Tensor Convolution::forward(const at::Tensor& x) const {
  const at::ScalarType type = x.scalar_type();
  return at::conv2d(x, weight.to(type), in_type(bias, type), stride_, padding_);
}

Upsampling::Upsampling(std::int64_t in, std::int64_t out) {
  weight = register_parameter("weight", torch::empty({in, out, 2, 2}));
  bias = register_parameter("bias", torch::empty({out}));
}

at::Tensor Upsampling::forward(const at::Tensor& x) const {
  const at::ScalarType type = x.scalar_type();
  return at::conv_transpose2d(x, weight.to(type), bias.to(type), /*stride=*/2);
}

at::Tensor channel_norm(const LayerNorm& norm, const at::Tensor& map) {
  return norm.forward(map.permute({0, 2, 3, 1}).contiguous()).permute({0, 3, 1, 2});
}

NormedConvolution::NormedConvolution(std::int64_t in, std::int64_t out, std::int64_t kernel,
                                     ConvolutionNorm norm)
    : Convolution({in, out, kernel, /*stride=*/1, kernel / 2, /*bias=*/false}) {
  TORCH_CHECK(kernel % 2 == 1, "a kernel of ", kernel, " keeps no size");
  if (norm == ConvolutionNorm::batch) {
    batch_norm_ = register_module("norm", std::make_shared<BatchNorm>(out, kBatchNormEps));
  } else {
    layer_norm_ = register_module("norm", std::make_shared<LayerNorm>(out, kLayerNormEps));
  }
}

at::Tensor NormedConvolution::forward(const at::Tensor& x) {
  const at::Tensor y = Convolution::forward(x);
  return batch_norm_ ? batch_norm_->forward(y) : channel_norm(*layer_norm_, y);
}

}  // namespace convmae
