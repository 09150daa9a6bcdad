#include "convmae/model/parameter_shapes.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/model/encoder/layers.h"
#include "convmae/model/encoder/position_grid.h"

#include <utility>

namespace convmae {
namespace {

using Sides = std::vector<std::int64_t>;

/// Hands out parameters; the methods are named like the modules that hold them.
class Listing {
 public:
  Listing(const EncoderConfig& config, const ParameterVisitor& visit)
      : config_(config),
        geometry_(geometry_of(config)),
        vit_(config.kind == EncoderKind::vit),
        visit_(visit) {}

  void add(std::string name, Sides shape, bool fixed = false) const {
    if (!checked_numel(shape)) {
      throw UserError("the tensor " + name +
                      " of such a model would have more than 2^63 numbers: choose smaller sizes");
    }
    visit_({std::move(name), std::move(shape), fixed});
  }

  /// The tokens that stand beside an image's, and the encoder's position table.
  void class_token_and_positions(bool fixed) const {
    const std::int64_t dim = config_.embed_dim.back();
    if (vit_) add("cls_token", {1, 1, dim});
    if (config_.position != PositionEncoding::sincos) return;
    add("pos_embed", {1, num_tokens(), dim}, fixed);
  }

  void mask_token_and_positions(const DecoderConfig& decoder) const {
    const std::int64_t dim = decoder.embed_dim;
    add("mask_token", {1, 1, dim});
    add("decoder_pos_embed", {1, num_tokens(), dim}, /*fixed=*/true);
  }

  void patch_embeddings() const {
    const Sides& dim = config_.embed_dim;
    if (vit_) return patch_conv("patch_embed.proj", config_.in_chans, dim[0], geometry_.block());
    std::int64_t in = config_.in_chans;
    for (std::size_t stage = 0; stage < 3; ++stage) {
      const std::string name = "patch_embed" + std::to_string(stage + 1);
      patch_conv(name + ".proj", in, dim[stage], config_.patch_size[stage]);
      norm(name + ".norm", dim[stage]);
      in = dim[stage];
    }
    linear("patch_embed4", dim[2], dim[2]);
  }

  void side_branches() const {
    if (vit_ || !config_.fusion) return;
    const Sides& p = config_.patch_size;
    patch_conv("stage1_output_decode", config_.embed_dim[0], config_.embed_dim[2], p[1] * p[2]);
    patch_conv("stage2_output_decode", config_.embed_dim[1], config_.embed_dim[2], p[2]);
  }

  void blocks() const {
    if (vit_) return transformer_blocks("blocks", config_.depth[0], config_.embed_dim[0], 0);
    for (std::size_t stage = 0; stage < 2; ++stage) conv_blocks(stage);
    transformer_blocks("blocks3", config_.depth[2], config_.embed_dim[2], 2,
                       config_.position == PositionEncoding::relative);
  }

  void decoder(const DecoderConfig& decoder) const {
    const std::int64_t dim = decoder.embed_dim;
    linear("decoder_embed", config_.embed_dim.back(), dim);
    transformer_blocks("decoder_blocks", decoder.depth, dim, 0);
    norm("decoder_norm", dim);
    linear("decoder_pred", dim, geometry_.block() * geometry_.block() * config_.in_chans);
  }

  void norm(const std::string& name, std::int64_t dim) const {
    add(name + ".weight", {dim});
    add(name + ".bias", {dim});
  }

  void linear(const std::string& name, std::int64_t in, std::int64_t out) const {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  }

 private:
  std::int64_t num_tokens() const { return geometry_.num_blocks() + (vit_ ? 1 : 0); }

  void patch_conv(const std::string& name, std::int64_t in, std::int64_t out,
                  std::int64_t kernel) const {
    add(name + ".weight", {out, in, kernel, kernel});
    add(name + ".bias", {out});
  }

  void convolution(const std::string& name, std::int64_t in, std::int64_t out) const {
    patch_conv(name, in, out, 1);
  }

  void conv_blocks(std::size_t stage) const {
    const std::int64_t dim = config_.embed_dim[stage];
    const std::int64_t hidden = hidden_width(dim, config_.mlp_ratio[stage]);
    for (std::int64_t i = 0; i < config_.depth[stage]; ++i) {
      const std::string name = "blocks" + std::to_string(stage + 1) + "." + std::to_string(i);
      norm(name + ".norm1", dim);
      convolution(name + ".conv1", dim, dim);
      convolution(name + ".conv2", dim, dim);
      patch_conv(name + ".attn", 1, dim, config_.kernel_size[stage]);
      norm(name + ".norm2", dim);
      convolution(name + ".mlp.fc1", dim, hidden);
      convolution(name + ".mlp.fc2", hidden, dim);
    }
  }

  void transformer_blocks(const std::string& list, std::int64_t depth, std::int64_t dim,
                          std::size_t stage, bool relative = false) const {
    const std::int64_t hidden = hidden_width(dim, config_.mlp_ratio[stage]);
    for (std::int64_t i = 0; i < depth; ++i) {
      const std::string name = list + "." + std::to_string(i);
      norm(name + ".norm1", dim);
      if (relative) {
        add(name + ".attn.relative_position_bias_table",
            {relative_distances(geometry_.grid()), config_.num_heads});
      }
      linear(name + ".attn.qkv", dim, 3 * dim);
      linear(name + ".attn.proj", dim, dim);
      norm(name + ".norm2", dim);
      linear(name + ".mlp.fc1", dim, hidden);
      linear(name + ".mlp.fc2", hidden, dim);
    }
  }

  const EncoderConfig& config_;
  Geometry geometry_;
  bool vit_;
  const ParameterVisitor& visit_;
};

}  // namespace

void for_each_parameter(const ModelConfig& config, const ParameterVisitor& visit) {
  const Listing list(config.encoder, visit);
  list.class_token_and_positions(/*fixed=*/true);
  list.mask_token_and_positions(config.decoder);
  list.patch_embeddings();
  list.side_branches();
  list.blocks();
  list.norm("norm", config.encoder.embed_dim.back());
  list.decoder(config.decoder);
}

void for_each_parameter(const EncoderConfig& config, const ParameterVisitor& visit) {
  const Listing list(config, visit);
  list.class_token_and_positions(/*fixed=*/true);
  list.patch_embeddings();
  list.blocks();
}

void for_each_parameter(const ClassifierConfig& config, const ParameterVisitor& visit) {
  const Listing list(config.encoder, visit);
  const std::int64_t width = config.encoder.embed_dim.back();
  const bool probe = config.head == ClassifierHead::probe;
  list.class_token_and_positions(/*fixed=*/false);
  list.patch_embeddings();
  list.blocks();
  if (config.pool == Pool::token) list.norm("norm", width);
  list.linear(probe ? "head.1" : "head", width, config.num_classes);
  if (config.pool == Pool::mean) list.norm("fc_norm", width);
  if (!probe) return;
  list.add("head.0.running_mean", {width});
  list.add("head.0.running_var", {width});
  list.add("head.0.num_batches_tracked", {});
}

}  // namespace convmae
