#include "convmae/export/network_graph.h"

#include "convmae/export/position_graph.h"
#include "convmae/export/segmentation_head_graph.h"
#include "convmae/model/dense/backbone.h"
#include "convmae/model/dense_description.h"

#include <limits>
#include <optional>
#include <string>

namespace convmae {
namespace {

using GraphScope = dense::Scope<GraphMath>;

constexpr double kEps = 1e-6;

/// Tokens [B, N, D] behind an encoder's last block, and a map [B, D, h, w] with their grid.
struct Tokens {
  GraphValue tokens;
  GraphValue map;
};

/// What the encoders of classifiers and of segmentors differ in.
struct EncoderKnowledge {
  double conv_eps = 1e-5;  ///< of the norms in the blocks of stages 1 and 2
  double eps = kEps;       ///< of those in the blocks of stage 3
  bool absolute = true;
  RelativePosition relative = RelativePosition::none;
};

struct Stages {
  GraphValue stage1;
  GraphValue stage2;
  Tokens stage3;
};

Stages conv_encoder(const GraphScope& s, const EncoderConfig& config,
                    const EncoderKnowledge& knowledge, const GraphImages& images) {
  GraphMath& math = s.math();
  const auto stages = dense::conv_stages<GraphMath>(s, config, images.images, knowledge.conv_eps);
  PositionGraph positions(math, geometry_of(config).grid(), stages.embedded, images.any_size);
  const auto relative = [&](const GraphScope& owner) {
    return positions.relative(owner.below("relative_position_bias_table").name());
  };
  GraphValue x = stages.tokens;
  if (knowledge.absolute) x = math.add(x, positions.absolute(s.below("pos_embed").name(), 0));
  const dense::TransformerSizes sizes{config.embed_dim[2], config.num_heads, knowledge.eps};
  std::optional<GraphValue> bias;
  if (knowledge.relative == RelativePosition::shared) bias = relative(s.below("rel_pos_bias"));
  for (std::int64_t i = 0; i < config.depth[2]; ++i) {
    const GraphScope own = s.below("blocks3", i);
    if (knowledge.relative == RelativePosition::per_block) bias = relative(own.below("attn"));
    x = dense::transformer_block(own, x, sizes, bias);
  }
  return {stages.stage1, stages.stage2, {x, stages.embedded}};
}

/// Of ConvMAE as it was pretrained.
Stages conv_encoder(const GraphScope& s, const EncoderConfig& config, const GraphImages& images) {
  EncoderKnowledge knowledge;
  knowledge.absolute = config.position == PositionEncoding::sincos;
  if (config.position == PositionEncoding::relative) {
    knowledge.relative = RelativePosition::per_block;
  }
  return conv_encoder(s, config, knowledge, images);
}

/// Of MAE: the class token stands first.
Tokens vit_encoder(const GraphScope& s, const EncoderConfig& config, const GraphImages& images) {
  GraphMath& math = s.math();
  const GraphValue map =
      s.below("patch_embed").below("proj").convolution(images.images, config.patch_size[0]);
  const GraphValue patches = dense::tokens_of(math, map);
  const GraphValue one_an_image =
      math.concatenated({math.lengths(patches, 0, 1), math.integers({1, 1})}, 0);
  const GraphValue class_tokens = math.node("Expand", {s["cls_token"], one_an_image});
  GraphValue x = math.concatenated({class_tokens, patches}, 1);
  if (config.position == PositionEncoding::sincos) {
    PositionGraph positions(math, geometry_of(config).grid(), map, images.any_size);
    x = math.add(x, positions.absolute(s.below("pos_embed").name(), 1));
  }
  const dense::TransformerSizes sizes{config.embed_dim[0], config.num_heads, kEps};
  for (std::int64_t i = 0; i < config.depth[0]; ++i) {
    x = dense::transformer_block(s.below("blocks", i), x, sizes);
  }
  return {x, map};
}

GraphValue without_class_token(GraphMath& math, const GraphValue& tokens) {
  return math.narrowed(tokens, 1, 1, std::numeric_limits<std::int64_t>::max());
}

/// tokens [B, N, D] -> [B, D], normalised.
GraphValue pooled(const GraphScope& s, const ClassifierConfig& config, const GraphValue& tokens) {
  GraphMath& math = s.math();
  if (config.pool == Pool::token) return s.below("norm").norm(math.selected(tokens, 1, 0), kEps);
  const bool vit = config.encoder.kind == EncoderKind::vit;
  return s.below("fc_norm").norm(math.mean(vit ? without_class_token(math, tokens) : tokens, 1),
                                 kEps);
}

Stages segmentor_stages(const GraphScope& s, const SegmentorConfig& config,
                        const GraphImages& images) {
  const BackboneConfig backbone = backbone_of(config);
  return conv_encoder(
      s.below("backbone"), config.encoder,
      {.conv_eps = backbone.conv_eps, .eps = backbone.eps, .relative = backbone.relative_position},
      images);
}

std::vector<GraphValue> maps_of(GraphMath& math, const Stages& stages) {
  return {stages.stage1, stages.stage2, map_of(math, stages.stage3.tokens, stages.stage3.map)};
}

}  // namespace

std::vector<GraphValue> encoder_maps(GraphMath& math, const EncoderConfig& config,
                                     const GraphImages& images) {
  const GraphScope s(math);
  if (config.kind == EncoderKind::conv_vit) return maps_of(math, conv_encoder(s, config, images));
  auto [tokens, map] = vit_encoder(s, config, images);
  if (s.has("norm.weight")) tokens = s.below("norm").norm(tokens, kEps);
  return {map_of(math, without_class_token(math, tokens), map)};
}

GraphValue classifier_logits(GraphMath& math, const ClassifierConfig& config,
                             const GraphImages& images) {
  const GraphScope s(math);
  const EncoderConfig& encoder = config.encoder;
  const Tokens found = encoder.kind == EncoderKind::vit ? vit_encoder(s, encoder, images)
                                                        : conv_encoder(s, encoder, images).stage3;
  const GraphValue features = pooled(s, config, found.tokens);
  if (config.head == ClassifierHead::linear) return s.below("head").linear(features);
  const GraphValue normed = math.batch_norm(features, s.below("head.0").name(), kEps);
  return s.below("head.1").linear(normed);
}

std::vector<GraphValue> segmentor_maps(GraphMath& math, const SegmentorConfig& config,
                                       const GraphImages& images) {
  return maps_of(math, segmentor_stages(GraphScope(math), config, images));
}

GraphValue segmentor_logits(GraphMath& math, const SegmentorConfig& config,
                            const GraphImages& images) {
  const GraphScope s(math);
  std::vector<GraphValue> maps = segmentor_maps(math, config, images);
  if (reads_map(config, kFourthMap)) {
    maps.push_back(fourth_level(s.below("backbone").below("fpn"), maps.back()));
  }
  std::vector<GraphValue> read;
  for (const std::int64_t map : config.maps) read.push_back(maps[static_cast<std::size_t>(map)]);
  return uper_head(s.below("decode_head"), config.pool_scales, read);
}

}  // namespace convmae
