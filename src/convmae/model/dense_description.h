#pragma once

#include "convmae/model/config.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// The parts of ConvMAE, MAE and what stands behind them as published, on dense maps, written once
/// for everything that computes with them: numbers (model/dense_formulation.h) and graphs that
/// another program runs (`export`). They share nothing with the visible pyramid but the parameters'
/// names.
///
/// A `Math` is what computes. Its `Value` is a tensor, or stands for one; its functions take layers
/// by the name before ".weight" and ".bias":
///   has(name), parameter(name)
///   linear(x, name), layer_norm(x, name, eps)  of the last dimension
///   convolution(x, name, stride, padding), depthwise(x, name)  of maps [B, C, H, W]; the latter
///                                              keeps the map's size
///   gelu(x), softmax(x)                        the latter of the last dimension
///   add(x, y), multiply(x, y), matmul(x, y)    as PyTorch broadcasts
///   scaled(x, factor)
///   permuted(x, order)
///   reshaped(x, shape)                         0 leaves a side as it is, -1 is what remains
///   parts(x, count)                            equal parts of the last dimension, a vector
namespace convmae::dense {

/// The parameters below one name, and what computes with them.
template <typename Math>
class Scope {
 public:
  using Value = typename Math::Value;

  explicit Scope(Math& math, std::string name = "") : math_(&math), name_(std::move(name)) {}

  Math& math() const { return *math_; }
  /// Of a layer: what its parameters' names begin with.
  const std::string& name() const { return name_; }
  Scope below(const std::string& part) const { return Scope(*math_, full(part)); }
  Scope below(const std::string& list, std::int64_t number) const {
    return below(list + "." + std::to_string(number));
  }
  bool has(const std::string& parameter) const { return math_->has(full(parameter)); }
  Value operator[](const std::string& parameter) const { return math_->parameter(full(parameter)); }

  Value linear(const Value& x) const { return math_->linear(x, name_); }
  Value norm(const Value& x, double eps) const { return math_->layer_norm(x, name_, eps); }
  Value convolution(const Value& x, std::int64_t stride = 1, std::int64_t padding = 0) const {
    return math_->convolution(x, name_, stride, padding);
  }

 private:
  std::string full(const std::string& part) const {
    return name_.empty() ? part : name_ + "." + part;
  }

  Math* math_;
  std::string name_;
};

/// LayerNorm over the channels of a map [B, C, H, W].
template <typename Math>
typename Math::Value map_norm(const Scope<Math>& s, const typename Math::Value& x, double eps) {
  Math& math = s.math();
  return math.permuted(s.norm(math.permuted(x, {0, 2, 3, 1}), eps), {0, 3, 1, 2});
}

template <typename Math>
typename Math::Value patch_embed(const Scope<Math>& s, const typename Math::Value& x,
                                 std::int64_t stride) {
  constexpr double kEps = 1e-5;
  return s.math().gelu(map_norm(s.below("norm"), s.below("proj").convolution(x, stride), kEps));
}

/// The block of stages 1 and 2; `keep` [B, 1, H, W], if given, multiplies what neighbours read.
template <typename Math>
typename Math::Value conv_block(const Scope<Math>& s, const typename Math::Value& x, double eps,
                                const std::optional<typename Math::Value>& keep = std::nullopt) {
  using Value = typename Math::Value;
  Math& math = s.math();
  Value read = s.below("conv1").convolution(map_norm(s.below("norm1"), x, eps));
  if (keep) read = math.multiply(*keep, read);
  const Value mixed = math.depthwise(read, s.below("attn").name());
  const Value y = math.add(x, s.below("conv2").convolution(mixed));
  const Scope<Math> mlp = s.below("mlp");
  const Value hidden = mlp.below("fc1").convolution(map_norm(s.below("norm2"), y, eps));
  return math.add(y, mlp.below("fc2").convolution(math.gelu(hidden)));
}

/// What a transformer block cannot tell from its parameters.
struct TransformerSizes {
  std::int64_t width = 0;
  std::int64_t heads = 1;
  double eps = 1e-6;
};

/// x [B, N, C]; `bias` [heads, N, N] or [B, heads, N, N], if given, is added to the scores.
template <typename Math>
typename Math::Value attention(const Scope<Math>& s, const typename Math::Value& x,
                               const TransformerSizes& sizes,
                               const std::optional<typename Math::Value>& bias) {
  using Value = typename Math::Value;
  Math& math = s.math();
  const std::int64_t head_width = sizes.width / sizes.heads;
  const std::vector<Value> qkv = math.parts(s.below("qkv").linear(x), 3);
  const auto by_head = [&](std::size_t number) {
    return math.reshaped(qkv[number], {0, 0, sizes.heads, head_width});
  };
  const Value query = math.permuted(by_head(0), {0, 2, 1, 3});
  const Value key_columns = math.permuted(by_head(1), {0, 2, 3, 1});
  const Value value = math.permuted(by_head(2), {0, 2, 1, 3});
  Value scores =
      math.scaled(math.matmul(query, key_columns), 1 / std::sqrt(static_cast<double>(head_width)));
  if (bias) scores = math.add(scores, *bias);
  const Value mixed = math.matmul(math.softmax(scores), value);
  return s.below("proj").linear(
      math.reshaped(math.permuted(mixed, {0, 2, 1, 3}), {0, 0, sizes.width}));
}

/// The pre-norm block of stage 3, of MAE and of decoders, with layer scale where the parameters
/// have it.
template <typename Math>
typename Math::Value transformer_block(
    const Scope<Math>& s, const typename Math::Value& x, const TransformerSizes& sizes,
    const std::optional<typename Math::Value>& bias = std::nullopt) {
  using Value = typename Math::Value;
  Math& math = s.math();
  const auto add_branch = [&](const Value& to, const Value& branch, const char* scale) {
    return math.add(to, s.has(scale) ? math.multiply(branch, s[scale]) : branch);
  };
  const Value y = add_branch(
      x, attention(s.below("attn"), s.below("norm1").norm(x, sizes.eps), sizes, bias), "gamma_1");
  const Scope<Math> mlp = s.below("mlp");
  const Value hidden = math.gelu(mlp.below("fc1").linear(s.below("norm2").norm(y, sizes.eps)));
  return add_branch(y, mlp.below("fc2").linear(hidden), "gamma_2");
}

/// A map [B, C, H, W] -> its tokens [B, H * W, C].
template <typename Math>
typename Math::Value tokens_of(Math& math, const typename Math::Value& map) {
  return math.permuted(math.reshaped(map, {0, 0, -1}), {0, 2, 1});
}

/// What the convolutional stages make of images.
template <typename Math>
struct ConvStages {
  typename Math::Value stage1;    ///< [B, C_1, H_1, W_1]
  typename Math::Value stage2;    ///< [B, C_2, H_2, W_2]
  typename Math::Value embedded;  ///< [B, D, h, w]: what patch_embed4 makes the tokens of
  typename Math::Value tokens;    ///< [B, h * w, D], without positions
};

/// The two convolutional stages and the embedding of the third. images [B, C, H, W]; `keep1` and
/// `keep2`, if given, are the masks of stages 1 and 2.
template <typename Math>
ConvStages<Math> conv_stages(const Scope<Math>& s, const EncoderConfig& config,
                             const typename Math::Value& images, double eps,
                             const std::optional<typename Math::Value>& keep1 = std::nullopt,
                             const std::optional<typename Math::Value>& keep2 = std::nullopt) {
  using Value = typename Math::Value;
  const auto stage = [&](std::size_t number, const Value& from, const auto& keep) {
    const std::string name = std::to_string(number + 1);
    Value x = patch_embed(s.below("patch_embed" + name), from, config.patch_size[number]);
    for (std::int64_t i = 0; i < config.depth[number]; ++i) {
      x = conv_block(s.below("blocks" + name, i), x, eps, keep);
    }
    return x;
  };
  const Value stage1 = stage(0, images, keep1);
  const Value stage2 = stage(1, stage1, keep2);
  const Value embedded = patch_embed(s.below("patch_embed3"), stage2, config.patch_size[2]);
  return {stage1, stage2, embedded, s.below("patch_embed4").linear(tokens_of(s.math(), embedded))};
}

}  // namespace convmae::dense
