#include "convmae/model/cost.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/base/geometry.h"
#include "convmae/model/masking/visibility.h"
#include "convmae/model/parameter_shapes.h"

#include <cctype>
#include <iterator>
#include <optional>
#include <string_view>

namespace convmae {
namespace {

/// How often the layers of a model are applied to one image.
struct Workload {
  std::int64_t conv_blocks = 0;       ///< blocks that stages 1 and 2 compute
  std::int64_t embedded_blocks = 0;   ///< blocks that become tokens, and are fused
  std::vector<std::int64_t> encoder;  ///< tokens of each view
  std::vector<std::int64_t> decoder;
};

/// Adds without a silent end of the range.
void add(std::int64_t& total, std::int64_t number) {
  total = counted_cost(checked_add(total, number));
}

std::int64_t sum(const std::vector<std::int64_t>& values) {
  std::int64_t total = 0;
  for (const std::int64_t value : values) total += value;
  return total;
}

/// Blocks of each view, of `length` blocks in an image.
std::vector<std::int64_t> visible_blocks(const ModelConfig& config, std::int64_t length) {
  if (config.method == Method::fastconvmae) {
    std::vector<std::int64_t> views(static_cast<std::size_t>(config.masking.groups),
                                    length / config.masking.groups);
    views.back() += length % config.masking.groups;
    return views;
  }
  // Single positions are removed: in practice every block keeps some.
  if (config.masking.unit == MaskUnit::position) return {length};
  return {num_kept(length, config.masking.ratio)};
}

Workload workload(const ModelConfig& config, std::int64_t length, bool dense) {
  const std::int64_t class_token = config.encoder.kind == EncoderKind::vit ? 1 : 0;
  const std::vector<std::int64_t> views = visible_blocks(config, length);
  Workload work;
  work.embedded_blocks = dense ? length : sum(views);
  work.conv_blocks = config.encoder.masked_conv ? work.embedded_blocks : length;
  for (const std::int64_t blocks : views) {
    work.encoder.push_back(blocks + class_token);
    work.decoder.push_back(length + class_token);
  }
  return work;
}

/// The part of a parameter's name that says which layer it belongs to: two components for the
/// members of a list, else one.
std::string layer_of(const std::string& parameter) {
  const std::size_t first = parameter.find('.');
  if (first == std::string::npos) return parameter;
  const bool in_list = std::isdigit(static_cast<unsigned char>(parameter[first + 1])) != 0;
  return parameter.substr(0, in_list ? parameter.find('.', first + 1) : first);
}

class Counter {
 public:
  Counter(const ModelConfig& config, bool dense)
      : geometry_(geometry_of(config.encoder)),
        work_(workload(config, geometry_.num_blocks(), dense)) {}

  /// A weight costs its elements each time it is applied.
  std::int64_t weight(std::string_view layer, std::int64_t elements) const {
    return counted_cost(checked_multiply(elements, applications(layer)));
  }

  /// The GEMMs of queries with keys and of the result with values, for a block of that width.
  std::int64_t attention(std::string_view layer, std::int64_t width) const {
    const auto& tokens = layer.starts_with("decoder") ? work_.decoder : work_.encoder;
    std::int64_t macs = 0;
    for (const std::int64_t n : tokens) add(macs, counted_cost(checked_product({2, n, n, width})));
    return macs;
  }

 private:
  std::int64_t applications(std::string_view layer) const {
    const auto is = [layer](std::string_view prefix) { return layer.starts_with(prefix); };
    if (is("patch_embed1") || is("blocks1.")) return work_.conv_blocks * geometry_.cells(1);
    if (is("patch_embed2") || is("blocks2.")) return work_.conv_blocks * geometry_.cells(2);
    if (is("patch_embed") || is("stage")) return work_.embedded_blocks;
    // The class token is not predicted, and is embedded like any other.
    if (is("decoder_pred")) return std::ssize(work_.decoder) * geometry_.num_blocks();
    if (is("decoder_blocks")) return sum(work_.decoder);
    return sum(work_.encoder);  // blocks, blocks3, decoder_embed
  }

  Geometry geometry_;
  Workload work_;
};

}  // namespace

std::int64_t counted_cost(const std::optional<std::int64_t>& number) {
  if (!number) throw UserError("the cost of such a model is beyond 64 bits: choose smaller sizes");
  return *number;
}

std::vector<LayerCost> layer_costs(const ModelConfig& config) {
  const Counter dense(config, /*dense=*/true);
  const Counter visible(config, /*dense=*/false);
  std::vector<LayerCost> layers;
  for_each_parameter(config, [&](const ParameterShape& parameter) {
    const std::string name = layer_of(parameter.name);
    // The parameters of a layer follow each other.
    if (layers.empty() || layers.back().name != name) layers.push_back({.name = name});
    LayerCost& layer = layers.back();
    const std::int64_t elements = counted_cost(checked_numel(parameter.shape));
    add(layer.parameters, elements);
    if (!parameter.fixed) add(layer.trainable, elements);
    const bool is_weight = parameter.name.ends_with(".weight") && parameter.shape.size() > 1;
    if (!is_weight) return;  // norms, tokens, tables
    add(layer.dense_macs, dense.weight(name, elements));
    add(layer.visible_macs, visible.weight(name, elements));
    if (parameter.name.ends_with(".attn.qkv.weight")) {
      add(layer.dense_macs, dense.attention(name, parameter.shape[1]));
      add(layer.visible_macs, visible.attention(name, parameter.shape[1]));
    }
  });
  return layers;
}

LayerCost total_cost(const std::vector<LayerCost>& layers) {
  LayerCost total{.name = "total"};
  for (const LayerCost& layer : layers) {
    add(total.parameters, layer.parameters);
    add(total.trainable, layer.trainable);
    add(total.dense_macs, layer.dense_macs);
    add(total.visible_macs, layer.visible_macs);
  }
  return total;
}

}  // namespace convmae
