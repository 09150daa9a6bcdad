#pragma once

#include "convmae/base/geometry.h"

#include <cstdint>
#include <string>
#include <vector>

namespace convmae {

enum class Method { convmae, fastconvmae, mae };
/// What is removed as a whole: a block (all its cells in every stage), or a single stage-1 position
/// (the paper's ablation of block-wise masking; see docs/method.md).
enum class MaskUnit { block, position };

/// Everything that decides a pretraining model's parameters and arithmetic. Plain data: files and
/// flags fill it, `validate` checks it, the models read it.
struct ModelConfig {
  Method method = Method::convmae;
  Size img_size{224, 224};
  std::int64_t in_chans = 3;
  /// Strides of the three stages; for `mae` one number, the patch side.
  std::vector<std::int64_t> patch_size{4, 2, 2};
  /// Per stage; for `mae` one number each.
  std::vector<std::int64_t> embed_dim{256, 384, 768};
  std::vector<std::int64_t> depth{2, 2, 11};
  std::vector<double> mlp_ratio{4, 4, 4};
  /// Depthwise kernels of stages 1 and 2, odd.
  std::vector<std::int64_t> kernel_size{5, 5};
  std::int64_t num_heads = 12;
  std::int64_t decoder_embed_dim = 512;
  std::int64_t decoder_depth = 8;
  std::int64_t decoder_num_heads = 16;
  /// The share of blocks that is removed.
  double mask_ratio = 0.75;
  /// Number of complementary masks of FastConvMAE (its mask ratio is 1 - 1/groups).
  std::int64_t groups = 4;
  bool norm_pix_loss = false;
  // The paper's ablations.
  bool masked_conv = true;
  bool fusion = true;
  bool use_pos_embed = true;
  bool use_decoder_pos_embed = true;
  MaskUnit mask_unit = MaskUnit::block;

  bool operator==(const ModelConfig&) const = default;
};

/// The names of models, from the smallest.
std::vector<std::string> model_preset_names();

/// The sizes of a named model: nano, tiny, small, base, large, huge. Throws UserError, naming the
/// choices, for another name.
ModelConfig model_preset(const std::string& name, Method method);

/// Throws UserError unless the configuration describes a model: list lengths, divisibility of the
/// image by the strides and of the widths by the heads, odd kernels, a mask ratio that keeps and
/// removes at least one block.
void validate(const ModelConfig& config);

/// The same for the encoder alone: what a decoder or a mask would need is not looked at.
void validate_encoder(const ModelConfig& config);

Method parse_method(const std::string& name);
std::string to_string(Method method);
MaskUnit parse_mask_unit(const std::string& name);
std::string to_string(MaskUnit unit);

/// A JSON object with the field names above; `from_json` throws UserError on an unknown or missing
/// key or a wrong type.
std::string to_json(const ModelConfig& config);
ModelConfig model_config_from_json(const std::string& text);

}  // namespace convmae
