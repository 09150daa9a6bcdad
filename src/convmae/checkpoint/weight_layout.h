#pragma once

#include "convmae/io/weights.h"
#include "convmae/model/architecture.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// How a project names the weights of an encoder.
enum class WeightLayout {
  convmae,     ///< as published: patch_embed1.proj.weight
  timm,        ///< the same, without decoder and mask token
  mmseg,       ///< backbone.patch_embed1.proj.weight, the encoder alone
  detectron2,  ///< backbone.bottom_up.patch_embed1.proj.weight, the encoder alone
  vitmae,      ///< Hugging Face's ViTMAE: vit.embeddings.patch_embeddings.projection.weight
};

/// Throws UserError, naming the choices, for another name.
WeightLayout parse_weight_layout(const std::string& name);

/// Whether a weight of a pretraining model is of its decoder, by its published name.
bool is_decoder_weight(std::string_view name);

/// A weight of a file under the name that it shall get.
struct RenamedWeight {
  Weight weight;  ///< or a part of one that the layout divides
  std::string name;
};

struct WeightSelection {
  std::vector<RenamedWeight> weights;
  std::int64_t left_out = 0;
};

/// The names and shapes in a file as one of the models that this program knows.
std::optional<Architecture> architecture_of(const WeightFile& file);

/// The weights that a layout has, renamed; without a layout, names stay. `encoder_only` leaves out
/// everything beside the encoder: decoder, mask token, heads. Throws UserError if nothing would be
/// left, or if the file has no encoder that could be told from the rest.
WeightSelection select_weights(const WeightFile& file, std::optional<WeightLayout> layout,
                               bool encoder_only);

}  // namespace convmae
