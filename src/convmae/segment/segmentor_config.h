#pragma once

#include "convmae/model/config.h"
#include "convmae/model/dense/backbone.h"

#include <cstdint>
#include <string>
#include <vector>

namespace convmae {

/// The map that no stage gives: it is made of the last one at half its resolution (`FourthLevel`).
inline constexpr std::int64_t kFourthMap = 3;

/// What decides a segmentor's parameters and arithmetic, as published for the Base model
/// (`upernet_convmae_base_512_slide_160k_ade20k`). Plain data: files and flags fill it, `validate`
/// checks it.
struct SegmentorConfig {
  /// Its images are the crops that it is trained on.
  EncoderConfig encoder{.img_size = {512, 512}};
  /// `none`, `per_block` or `shared`.
  RelativePosition relative_position = RelativePosition::per_block;
  double layer_scale = 1;  ///< what it starts with; 0 for none
  double drop_path = 0.2;  ///< of the last block: the published rates rise from 0
  /// The maps that the head reads, finest first: 0, 1, 2 are those of the stages.
  std::vector<std::int64_t> maps{0, 1, 2, 3};
  std::int64_t channels = 768;                        ///< of every part of the head
  std::vector<std::int64_t> pool_scales{1, 2, 3, 6};  ///< bins a side of the pyramid pooling
  std::int64_t aux_channels = 256;                    ///< of the auxiliary head; 0 for none
  std::int64_t aux_map = 2;                           ///< the map that it reads
  double aux_weight = 0.4;                            ///< of its loss
  double dropout = 0.1;  ///< of channels, before the last layer of both heads
  std::int64_t num_classes = 150;

  bool operator==(const SegmentorConfig&) const = default;
};

/// The segmentor of a named model, with a head as wide as its last stage, as published for `base`.
/// Throws UserError, naming the choices, for another name.
SegmentorConfig segmentor_preset(const std::string& model);

/// Throws UserError unless the configuration describes a segmentor.
void validate(const SegmentorConfig& config);

/// Throws UserError unless batch norm has more than one number a channel in every part of the
/// segmentor when it is trained on so many images at once, in all processes together: pooling to a
/// single bin leaves one an image.
void require_batch(const SegmentorConfig& config, std::int64_t images);

/// Whether a map is read by one of the heads.
bool reads_map(const SegmentorConfig& config, std::int64_t map);

/// Channels of a map.
std::int64_t map_channels(const SegmentorConfig& config, std::int64_t map);

/// Its height and width for the configuration's images.
Size map_size(const SegmentorConfig& config, std::int64_t map);

/// none, per_block or shared; `parse_relative_position` throws UserError for another name.
std::string to_string(RelativePosition position);
RelativePosition parse_relative_position(const std::string& name);

/// The encoder with its relative positions and layer scales; LayerNorms have 1e-5 everywhere.
BackboneConfig backbone_of(const SegmentorConfig& config);

/// A JSON object, all fields side by side; `from_json` throws UserError on an unknown or missing
/// key or a wrong type.
std::string to_json(const SegmentorConfig& config);
SegmentorConfig segmentor_config_from_json(const std::string& text);

}  // namespace convmae
