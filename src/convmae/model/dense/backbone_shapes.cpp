#include "convmae/model/dense/backbone_shapes.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace convmae {
namespace {

/// Adds what a backbone has beside an encoder's parameters.
class BackboneListing {
 public:
  BackboneListing(const BackboneConfig& config, const ParameterVisitor& visit)
      : config_(config), visit_(visit), grid_(geometry_of(config.encoder).grid()) {}

  /// A parameter of the encoder, with what stands before or behind it.
  void operator()(const ParameterShape& parameter) const {
    constexpr std::string_view kBlocks = "blocks3.";
    if (parameter.name == "pos_embed") return positions();
    if (parameter.name.starts_with(kBlocks)) {
      const std::size_t end = parameter.name.find('.', kBlocks.size());
      const std::string block = parameter.name.substr(0, end);
      const std::string_view part = std::string_view(parameter.name).substr(end + 1);
      if (part == "norm1.weight") layer_scales(block);
      if (part == "attn.qkv.weight") bias_of_block(block);
    }
    visit_(parameter);
  }

  void shared_tables() const {
    if (config_.relative_position == RelativePosition::shared) table("rel_pos_bias", grid_);
    if (config_.relative_position == RelativePosition::global_and_windowed) {
      table("windowed_rel_pos_bias", {config_.window.side, config_.window.side});
      table("global_rel_pos_bias", grid_);
    }
  }

 private:
  void positions() const {
    const Size grid = config_.position_grid.value_or(grid_);
    visit_({"pos_embed",
            {1, grid.height * grid.width, config_.encoder.embed_dim.back()},
            !config_.train_positions});
  }

  void layer_scales(const std::string& block) const {
    if (!config_.layer_scale) return;
    for (const char* const name : {".gamma_1", ".gamma_2"}) {
      visit_({block + name, {config_.encoder.embed_dim.back()}});
    }
  }

  void bias_of_block(const std::string& block) const {
    const Size size = is_windowed(block) ? Size{config_.window.side, config_.window.side} : grid_;
    if (config_.relative_position == RelativePosition::per_block) table(block + ".attn", size);
    if (config_.relative_position != RelativePosition::decomposed) return;
    const std::int64_t width = config_.encoder.embed_dim.back() / config_.encoder.num_heads;
    visit_({block + ".attn.rel_pos_h", {2 * size.height - 1, width}});
    visit_({block + ".attn.rel_pos_w", {2 * size.width - 1, width}});
  }

  void table(const std::string& owner, Size grid) const {
    visit_({owner + ".relative_position_bias_table",
            {(2 * grid.height - 1) * (2 * grid.width - 1), config_.encoder.num_heads}});
  }

  bool is_windowed(const std::string& block) const {
    return std::ranges::any_of(config_.windowed_blocks, [&](std::int64_t number) {
      return block == "blocks3." + std::to_string(number);
    });
  }

  const BackboneConfig& config_;
  const ParameterVisitor& visit_;
  Size grid_;
};

}  // namespace

void for_each_parameter(const BackboneConfig& config, const ParameterVisitor& visit) {
  const BackboneListing list(config, visit);
  for_each_parameter(config.encoder, list);
  list.shared_tables();
}

}  // namespace convmae
