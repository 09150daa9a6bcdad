#pragma once

#include "convmae/model/config.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// A tensor in a file, as far as it is needed to tell models apart.
struct NamedShape {
  std::string_view name;
  std::span<const std::int64_t> shape;
};

/// What names and shapes of weights say about the model that they belong to. One number a stage in
/// the lists, as in EncoderConfig; 0 for the MLP ratio or kernel of a stage without blocks.
struct Architecture {
  struct Decoder {
    std::int64_t dim = 0;
    std::int64_t depth = 0;
    double mlp_ratio = 0;
  };

  EncoderKind encoder = EncoderKind::conv_vit;
  /// What stands before the encoder's names: "", "backbone.", "backbone.bottom_up.".
  std::string prefix;
  std::int64_t in_chans = 0;
  std::vector<std::int64_t> patch_size;
  std::vector<std::int64_t> embed_dim;
  std::vector<std::int64_t> depth;
  std::vector<double> mlp_ratio;
  std::vector<std::int64_t> kernel_size;
  /// Only where a table of relative positions has it in its shape.
  std::optional<std::int64_t> num_heads;
  /// Rows of the table of absolute positions, without the class token's.
  std::optional<std::int64_t> positions;
  /// Rows of a block's own table of relative positions.
  std::optional<std::int64_t> distances;
  bool class_token = false;
  bool fusion = false;                     ///< stages 1 and 2 are added to the encoder's result
  std::string relative_position = "none";  ///< none, per block, shared, decomposed
  bool layer_scale = false;
  std::optional<Decoder> decoder;
  /// For people: "classification (1000 classes)", "detection (Mask R-CNN, 80 classes)".
  std::vector<std::string> heads;
  /// The named model with these widths and depths (`model_preset`), or empty.
  std::string preset;

  /// The method that pretrains such an encoder; FastConvMAE's is that of ConvMAE.
  Method method() const { return encoder == EncoderKind::vit ? Method::mae : Method::convmae; }
  /// `relative` if tables in the blocks are all that the weights know of positions; else `sincos`,
  /// whose table a file may leave out.
  PositionEncoding position() const;
};

/// Nothing if there is no encoder that this program knows. Shapes may be anything.
std::optional<Architecture> architecture_of(std::span<const NamedShape> weights);

/// What shapes tell of an encoder. The number of attention heads is that of its tables of relative
/// positions, else of the named model of the same width, or 0 if there is none. Throws UserError if
/// the positions make no square image.
EncoderConfig encoder_shapes_of(const Architecture& architecture);

/// What shapes tell of a pretraining model, both numbers of attention heads in the same way. Throws
/// UserError also if there is no decoder.
ModelConfig pretrain_shapes_of(const Architecture& architecture);

/// The pretraining model that a file without a description of its own holds, with the attention
/// heads of the named model of the same widths, which no shape tells, and a square image. Throws
/// UserError if there is no decoder or no named model has such widths.
ModelConfig pretrain_config_of(const Architecture& architecture);

}  // namespace convmae
