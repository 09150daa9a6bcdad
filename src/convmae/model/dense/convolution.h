#pragma once

#include "convmae/model/dense/batch_norm.h"
#include "convmae/model/encoder/layers.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

/// Convolutions on whole maps [B, C, H, W], as dense tasks put them behind an encoder. They compute
/// in the type of their input, and keep channels last in memory where they find them so.
namespace convmae {

struct ConvolutionConfig {
  std::int64_t in = 0;
  std::int64_t out = 0;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  /// Zeros around the map; half a kernel keeps its size.
  std::int64_t padding = 0;
  bool bias = true;
};

class Convolution : public torch::nn::Module {
 public:
  explicit Convolution(const ConvolutionConfig& config);
  at::Tensor forward(const at::Tensor& x) const;

  at::Tensor weight;  ///< [out, in, k, k]
  at::Tensor bias;    ///< [out], undefined without

 private:
  std::int64_t stride_;
  std::int64_t padding_;
};

/// Twice the size: a transposed convolution with kernel and stride 2.
class Upsampling : public torch::nn::Module {
 public:
  Upsampling(std::int64_t in, std::int64_t out);
  at::Tensor forward(const at::Tensor& x) const;

  at::Tensor weight;  ///< [in, out, 2, 2]
  at::Tensor bias;    ///< [out]
};

/// LayerNorm over the channels of a map.
at::Tensor channel_norm(const LayerNorm& norm, const at::Tensor& map);

/// What stands behind a convolution.
enum class ConvolutionNorm {
  batch,  ///< eps 1e-5
  layer,  ///< over the channels, eps 1e-6
};

/// A convolution of odd kernel without bias that keeps the map's size, and behind it a norm under
/// the name `norm`, as detectron2 has it.
class NormedConvolution : public Convolution {
 public:
  NormedConvolution(std::int64_t in, std::int64_t out, std::int64_t kernel, ConvolutionNorm norm);
  at::Tensor forward(const at::Tensor& x);

 private:
  std::shared_ptr<BatchNorm> batch_norm_;  ///< one of these two
  std::shared_ptr<LayerNorm> layer_norm_;
};

}  // namespace convmae
