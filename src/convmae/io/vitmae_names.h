#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// Query, key and value, which Hugging Face's ViTMAE keeps apart: one after the other they are the
/// rows of the published `attn.qkv`.
inline constexpr std::size_t kVitmaeParts = 3;

/// Where a tensor of Hugging Face's ViTMAE belongs under published names.
struct PublishedPlace {
  std::string name;
  std::optional<std::size_t> part = {};  ///< which of the kVitmaeParts of `name`; none: all of it
};

/// The names of MAE's weights in Hugging Face's transformers (ViTMAEModel, ViTMAEForPreTraining).
/// There are three sets of them: the hub's, which `vitmae_names` gives; those of transformers 5 in
/// memory (`vit.layers.0.attention.q_proj`); and what it saves
/// (`decoder.decoder_encoder.layer.0.…`). In files of the encoder alone `vit.` may be missing.
class VitmaeNames {
 public:
  /// Nothing unless the names, all those of the encoder among them, are ViTMAE's.
  static std::optional<VitmaeNames> among(std::span<const std::string_view> names);

  /// Nothing for what stands beside the model. What stood before the names stays there.
  std::optional<PublishedPlace> place_of(std::string_view name) const;

 private:
  explicit VitmaeNames(std::string_view encoder);
  /// The name as the hub's would be, in a model of its own; empty for what stands beside it.
  std::string whole_name(std::string_view name) const;

  std::string encoder_;  ///< what stands before the encoder's names: "vit."
  std::string outer_;    ///< before those of the whole model
};

/// The hub's name of a tensor with a published name, kVitmaeParts names if it is kept in parts;
/// empty if ViTMAE has no such tensor.
std::vector<std::string> vitmae_names(std::string_view published);

}  // namespace convmae
