#pragma once

#include "convmae/model/encoder/drop_path.h"
#include "convmae/model/encoder/layers.h"
#include "convmae/model/masking/visibility.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace convmae {

struct ConvBlockConfig {
  std::int64_t dim = 0;
  double mlp_ratio = 4;
  std::int64_t kernel_size = 5;
  /// Sides of the nested rasters of this stage's cells (Geometry::nesting).
  std::vector<std::int64_t> nesting;
  /// Of the norms.
  double eps = 1e-5;
};

/// The block of stages 1 and 2 (arXiv 2205.03892, section 3.1):
///   x += conv2(dwconv(m * conv1(norm1(x)))),  x += mlp(norm2(x))
/// with 1x1 convolutions conv1, conv2. The mask m acts after conv1's bias,
/// so removed neighbours contribute exactly zero; here they are simply not there.
class ConvBlock : public torch::nn::Module {
 public:
  explicit ConvBlock(const ConvBlockConfig& config);

  /// x [B, V, P, C] -> the same shape. `gate` [B, V, P, 1], if given, multiplies the depthwise
  /// convolution's input: position-wise masking inside visible blocks; `scales`, if given, multiply
  /// the branches.
  at::Tensor forward(const at::Tensor& x, const Visibility& visibility,
                     const std::optional<at::Tensor>& gate = std::nullopt,
                     const std::optional<BranchScales>& scales = std::nullopt);

 private:
  /// conv2(dwconv(m * conv1(norm1(x))))
  at::Tensor mix(const at::Tensor& x, const Visibility& visibility,
                 const std::optional<at::Tensor>& gate);

  std::vector<std::int64_t> nesting_;
  std::shared_ptr<LayerNorm> norm1_;
  std::shared_ptr<Linear> conv1_;
  std::shared_ptr<Linear> conv2_;
  std::shared_ptr<DepthwiseConv> attn_;  // where a transformer block has its attention
  std::shared_ptr<LayerNorm> norm2_;
  std::shared_ptr<Mlp> mlp_;
};

}  // namespace convmae
