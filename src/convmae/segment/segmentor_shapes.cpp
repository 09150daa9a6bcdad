#include "convmae/segment/segmentor_shapes.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/model/dense/backbone_shapes.h"

#include <utility>

namespace convmae {
namespace {

using Kind = SegmentorTensor::Kind;
using Visitor = std::function<void(const SegmentorTensor&)>;

/// Hands out the tensors of a segmentor; the methods are named like what has them.
class SegmentorListing {
 public:
  SegmentorListing(const SegmentorConfig& config, const Visitor& visit)
      : config_(config), visit_(visit) {}

  void backbone() const {
    const Size grid = geometry_of(config_.encoder).grid();
    const std::int64_t places = grid.height * grid.width;
    for_each_parameter(backbone_of(config_), [&](const ParameterShape& parameter) {
      add("backbone." + parameter.name, parameter.shape);
      const std::size_t table = parameter.name.rfind("relative_position_bias_table");
      if (table != std::string::npos) {
        add("backbone." + parameter.name.substr(0, table) + "relative_position_index",
            {places, places}, Kind::index);
      }
    });
    if (!reads_map(config_, kFourthMap)) return;
    const std::int64_t width = config_.encoder.embed_dim.back();
    add("backbone.fpn.0.weight", {width, width, 3, 3});
    add("backbone.fpn.0.bias", {width});
    norm("backbone.fpn.1", width);
  }

  void decode_head() const {
    const std::string head = "decode_head.";
    const std::int64_t coarsest = map_channels(config_, config_.maps.back());
    const auto maps = std::ssize(config_.maps);
    const auto scales = std::ssize(config_.pool_scales);
    classes(head, config_.channels);
    for (std::int64_t i = 0; i < scales; ++i) {
      unit(head + "psp_modules." + std::to_string(i) + ".1", coarsest, 1);
    }
    unit(head + "bottleneck", coarsest + scales * config_.channels, 3);
    for (std::int64_t i = 0; i + 1 < maps; ++i) {
      unit(head + "lateral_convs." + std::to_string(i),
           map_channels(config_, config_.maps[static_cast<std::size_t>(i)]), 1);
    }
    for (std::int64_t i = 0; i + 1 < maps; ++i) {
      unit(head + "fpn_convs." + std::to_string(i), config_.channels, 3);
    }
    unit(head + "fpn_bottleneck", maps * config_.channels, 3);
  }

  void auxiliary_head() const {
    if (config_.aux_channels == 0) return;
    classes("auxiliary_head.", config_.aux_channels);
    unit("auxiliary_head.convs.0", map_channels(config_, config_.aux_map), 3, config_.aux_channels);
  }

 private:
  void add(std::string name, std::vector<std::int64_t> shape, Kind kind = Kind::parameter) const {
    if (!checked_numel(shape)) {
      throw UserError("the tensor " + name +
                      " of such a segmentor would have more than 2^63 numbers: choose smaller "
                      "sizes");
    }
    visit_({std::move(name), std::move(shape), kind});
  }

  void classes(const std::string& head, std::int64_t channels) const {
    add(head + "conv_seg.weight", {config_.num_classes, channels, 1, 1});
    add(head + "conv_seg.bias", {config_.num_classes});
  }

  void unit(const std::string& name, std::int64_t in, std::int64_t kernel) const {
    unit(name, in, kernel, config_.channels);
  }
  void unit(const std::string& name, std::int64_t in, std::int64_t kernel, std::int64_t out) const {
    add(name + ".conv.weight", {out, in, kernel, kernel});
    norm(name + ".bn", out);
  }

  void norm(const std::string& name, std::int64_t channels) const {
    add(name + ".weight", {channels});
    add(name + ".bias", {channels});
    add(name + ".running_mean", {channels}, Kind::statistic);
    add(name + ".running_var", {channels}, Kind::statistic);
    add(name + ".num_batches_tracked", {}, Kind::count);
  }

  const SegmentorConfig& config_;
  const Visitor& visit_;
};

}  // namespace

void for_each_tensor(const SegmentorConfig& config, const Visitor& visit) {
  const SegmentorListing list(config, visit);
  list.backbone();
  list.decode_head();
  list.auxiliary_head();
}

void for_each_parameter(const SegmentorConfig& config, const ParameterVisitor& visit) {
  std::vector<ParameterShape> behind;
  for_each_tensor(config, [&](const SegmentorTensor& tensor) {
    if (tensor.kind == Kind::parameter) {
      visit({tensor.name, tensor.shape});
    } else if (tensor.kind != Kind::index) {
      behind.push_back({tensor.name, tensor.shape});
    }
  });
  for (const ParameterShape& statistic : behind) visit(statistic);
}

}  // namespace convmae
