#include "convmae/model/dense/backbone.h"

#include "convmae/model/encoder/feature_maps.h"

#include <algorithm>
#include <functional>

namespace convmae {
namespace {

using MakeBias = std::function<std::shared_ptr<AttentionBias>(Size)>;

/// The parts of every block; the tables that several share become parts of `whole`.
std::vector<BlockParts> block_parts(const BackboneConfig& config, torch::nn::Module& whole) {
  const EncoderConfig& encoder = config.encoder;
  const Size grid = geometry_of(encoder).grid();
  const Size window{config.window.side, config.window.side};
  const auto table = [&](Size size) -> std::shared_ptr<AttentionBias> {
    return std::make_shared<RelativePositionTable>(encoder.num_heads, size);
  };
  const auto shared = [&](const char* name, Size size) {
    return whole.register_module(name, table(size));
  };
  MakeBias bias_of_all = [](Size) { return nullptr; };
  MakeBias bias_in_windows;
  switch (config.relative_position) {
    case RelativePosition::none:
      break;
    case RelativePosition::per_block:
      bias_of_all = table;
      break;
    case RelativePosition::shared:
      bias_of_all = [bias = shared("rel_pos_bias", grid)](Size) { return bias; };
      break;
    case RelativePosition::global_and_windowed:
      bias_of_all = [bias = shared("global_rel_pos_bias", grid)](Size) { return bias; };
      bias_in_windows = [bias = shared("windowed_rel_pos_bias", window)](Size) { return bias; };
      break;
    case RelativePosition::decomposed:
      bias_of_all = [&](Size size) {
        return std::make_shared<DecomposedPositions>(encoder.embed_dim[2] / encoder.num_heads,
                                                     size);
      };
      break;
  }
  if (!bias_in_windows) bias_in_windows = bias_of_all;

  std::vector<BlockParts> parts;
  for (std::int64_t number = 0; number < encoder.depth[2]; ++number) {
    const bool windowed = std::ranges::count(config.windowed_blocks, number) > 0;
    BlockParts& part = parts.emplace_back();
    part.bias = windowed ? bias_in_windows(window) : bias_of_all(grid);
    part.shared_bias = config.relative_position == RelativePosition::shared ||
                       config.relative_position == RelativePosition::global_and_windowed;
    if (windowed) part.window = config.window;
    part.layer_scale = config.layer_scale;
    part.eps = config.eps;
  }
  return parts;
}

}  // namespace

Backbone::Backbone(const BackboneConfig& config) {
  EncoderConfig whole = config.encoder;
  whole.masked_conv = true;
  // The published ones always have the table, and say elsewhere what their blocks have beside it.
  whole.position = PositionEncoding::sincos;
  encoder_ = std::make_shared<Encoder>(
      whole, EncoderTail::none,
      EncoderParts{config.conv_eps, block_parts(config, *this), config.position_grid,
                   /*fixed_positions=*/false});
  adopt(*this, *encoder_);
  // In the published order, in which optimizers number parameters, shared tables are the last.
  for (const char* const name : {"rel_pos_bias", "windowed_rel_pos_bias", "global_rel_pos_bias"}) {
    if (!named_children().contains(name)) continue;
    const std::shared_ptr<torch::nn::Module> table = named_children()[name];
    unregister_module(name);
    register_module(name, table);
  }
  named_parameters(/*recurse=*/false)["pos_embed"].requires_grad_(config.train_positions);
}

std::vector<at::Tensor> Backbone::forward(const at::Tensor& images, const DropPath& drop_path,
                                          std::array<bool, 3> recompute) {
  return feature_maps(*encoder_, images, drop_path, recompute);
}

}  // namespace convmae
