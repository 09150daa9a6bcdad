#include "convmae/segment/segmentor_cost.h"

#include "convmae/base/checked.h"
#include "convmae/segment/segmentor_shapes.h"

#include <cctype>
#include <cstdlib>
#include <string>
#include <string_view>

namespace convmae {
namespace {

std::int64_t area(Size size) { return counted_cost(checked_multiply(size.height, size.width)); }

/// `decode_head.lateral_convs.0` of a tensor in it: two components, and a third that is a number.
std::string segmentor_layer_of(const std::string& name) {
  const std::size_t second = name.find('.', name.find('.') + 1);
  if (second == std::string::npos) return name;
  const bool in_list = std::isdigit(static_cast<unsigned char>(name[second + 1])) != 0;
  return name.substr(0, in_list ? name.find('.', second + 1) : second);
}

/// How often a layer's weights are applied to an image.
class Applications {
 public:
  explicit Applications(const SegmentorConfig& config) : config_(config) {}

  std::int64_t of(std::string_view layer) const {
    const auto is = [layer](std::string_view prefix) { return layer.starts_with(prefix); };
    if (is("auxiliary_head.")) return 0;
    if (is("backbone.patch_embed1") || is("backbone.blocks1.")) return map(0);
    if (is("backbone.patch_embed2") || is("backbone.blocks2.")) return map(1);
    if (is("backbone.fpn.")) return map(3);
    if (is("backbone.")) return map(2);
    if (is("decode_head.psp_modules.")) {
      const std::int64_t bins = config_.pool_scales.at(number_in(layer));
      return counted_cost(checked_multiply(bins, bins));
    }
    if (is("decode_head.bottleneck")) return map(config_.maps.back());
    if (is("decode_head.lateral_convs.") || is("decode_head.fpn_convs.")) {
      return map(config_.maps.at(number_in(layer)));
    }
    return map(config_.maps.front());  // fpn_bottleneck, conv_seg
  }

  std::int64_t map(std::int64_t number) const { return area(map_size(config_, number)); }

 private:
  static std::size_t number_in(std::string_view layer) {
    return std::strtoul(std::string(layer.substr(layer.rfind('.') + 1)).c_str(), nullptr, 10);
  }

  const SegmentorConfig& config_;
};

}  // namespace

std::vector<LayerCost> layer_costs(const SegmentorConfig& config) {
  const Applications applications(config);
  std::vector<LayerCost> layers;
  for_each_tensor(config, [&](const SegmentorTensor& tensor) {
    if (tensor.kind != SegmentorTensor::Kind::parameter) return;
    const std::string name = segmentor_layer_of(tensor.name);
    if (layers.empty() || layers.back().name != name) layers.push_back({.name = name});
    LayerCost& layer = layers.back();
    const auto add = [](std::int64_t& total, const std::optional<std::int64_t>& number) {
      total = counted_cost(checked_add(total, counted_cost(number)));
    };
    const std::int64_t numbers = counted_cost(checked_numel(tensor.shape));
    add(layer.parameters, numbers);
    if (tensor.name.ends_with(".weight") && tensor.shape.size() > 1) {
      add(layer.dense_macs, checked_multiply(numbers, applications.of(name)));
    }
    if (tensor.name.ends_with(".attn.qkv.weight")) {
      const std::int64_t tokens = applications.map(2);
      add(layer.dense_macs, checked_product({2, tokens, tokens, tensor.shape[1]}));
    }
    layer.trainable = layer.parameters;
    layer.visible_macs = layer.dense_macs;
  });
  return layers;
}

}  // namespace convmae
