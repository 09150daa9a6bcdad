#pragma once

#include "convmae/base/geometry.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

enum class Method { convmae, fastconvmae, mae };
/// What is removed as a whole: a block (all its cells in every stage), or a single stage-1 position
/// (the paper's ablation of block-wise masking; see docs/method.md).
enum class MaskUnit { block, position };

/// The two kinds of encoder.
enum class EncoderKind {
  conv_vit,  ///< of ConvMAE and FastConvMAE: two convolutional stages, then a transformer
  vit,       ///< of MAE: a transformer with a class token
};

/// How the transformer of an encoder knows where a token lies.
enum class PositionEncoding {
  sincos,    ///< a table of absolute positions, fixed in pretraining and trained in fine-tuning
  relative,  ///< a table of distances in every block, which its attention adds to the scores
  none,      ///< not at all: an ablation of the paper
};

/// What decides an encoder's parameters and arithmetic. Lists have a number a stage; of a `vit`
/// one.
struct EncoderConfig {
  EncoderKind kind = EncoderKind::conv_vit;
  Size img_size{224, 224};
  std::int64_t in_chans = 3;
  /// Strides of the three stages; of a `vit` the patch side.
  std::vector<std::int64_t> patch_size{4, 2, 2};
  std::vector<std::int64_t> embed_dim{256, 384, 768};
  std::vector<std::int64_t> depth{2, 2, 11};
  std::vector<double> mlp_ratio{4, 4, 4};
  /// Depthwise kernels of stages 1 and 2, odd; of a `vit` none.
  std::vector<std::int64_t> kernel_size{5, 5};
  std::int64_t num_heads = 12;
  /// Not `relative` for a `vit`.
  PositionEncoding position = PositionEncoding::sincos;
  // The paper's ablations.
  bool masked_conv = true;
  bool fusion = true;

  bool operator==(const EncoderConfig&) const = default;
};

/// What is removed from an image.
struct MaskingConfig {
  /// The share of blocks that is removed.
  double ratio = 0.75;
  /// Number of complementary masks of FastConvMAE (its mask ratio is 1 - 1/groups).
  std::int64_t groups = 4;
  MaskUnit unit = MaskUnit::block;

  bool operator==(const MaskingConfig&) const = default;
};

/// What predicts the removed blocks, and what of them. Its MLP ratio is that of the encoder's first
/// stage, as published.
struct DecoderConfig {
  std::int64_t embed_dim = 512;
  std::int64_t depth = 8;
  std::int64_t num_heads = 16;
  bool norm_pix_loss = false;
  bool use_pos_embed = true;  ///< an ablation of the paper

  bool operator==(const DecoderConfig&) const = default;
};

/// Everything that decides a pretraining model's parameters and arithmetic. Plain data: files and
/// flags fill it, `validate` checks it, the models read it.
struct ModelConfig {
  Method method = Method::convmae;
  EncoderConfig encoder;
  MaskingConfig masking;
  DecoderConfig decoder;

  bool operator==(const ModelConfig&) const = default;
};

/// The names of models, from the smallest.
std::vector<std::string> model_preset_names();

/// The sizes of a named model: nano, tiny, small, base, large, huge. Throws UserError, naming the
/// choices, for another name.
ModelConfig model_preset(const std::string& name, Method method);

/// Throws UserError unless the configuration describes a model: list lengths, divisibility of the
/// image by the strides and of the widths by the heads, odd kernels, a mask ratio that keeps and
/// removes at least one block, an encoder of the method's kind.
void validate(const ModelConfig& config);
/// The same for an encoder alone.
void validate(const EncoderConfig& config);

/// How the encoder divides its images. Throws UserError if its strides do not divide them.
Geometry geometry_of(const EncoderConfig& config);

/// The image that has so many blocks, the product of the strides a side; nothing if its sides do
/// not fit into 64 bits.
std::optional<Size> image_of(Size grid, const std::vector<std::int64_t>& strides);

/// The encoder that a method pretrains.
EncoderKind encoder_kind(Method method);

Method parse_method(const std::string& name);
std::string to_string(Method method);
MaskUnit parse_mask_unit(const std::string& name);
std::string to_string(MaskUnit unit);
PositionEncoding parse_position_encoding(const std::string& name);
std::string to_string(PositionEncoding position);

/// A JSON object, all fields side by side under the names of their flags; `from_json` throws
/// UserError on an unknown or missing key or a wrong type. Older texts say `use_pos_embed`, true or
/// false, where this program writes `position`, sincos or none.
std::string to_json(const ModelConfig& config);
ModelConfig model_config_from_json(const std::string& text);

}  // namespace convmae
