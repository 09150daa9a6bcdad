#include "convmae/detect/detector_cost.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/detect/detector_parameters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

namespace convmae {
namespace {

constexpr std::array<std::string_view, 5> kParts{"encoder", "pyramid", "proposals", "boxes",
                                                 "masks"};

std::int64_t counted_or_refused(const std::optional<std::int64_t>& number) {
  if (!number) {
    throw UserError("the cost of such a detector is beyond 64 bits: choose smaller sizes");
  }
  return *number;
}

void add_to(std::int64_t& total, std::int64_t number) {
  total = counted_or_refused(checked_add(total, number));
}

std::int64_t product_of(std::initializer_list<std::int64_t> factors) {
  return counted_or_refused(checked_product(factors));
}

bool is_statistic(std::string_view name) {
  return name.ends_with(".running_mean") || name.ends_with(".running_var") ||
         name.ends_with(".num_batches_tracked");
}

/// The number that follows `before` in a name, from 0.
std::int64_t number_after(std::string_view name, std::string_view before) {
  const std::size_t at = name.find(before);
  std::int64_t number = 0;
  if (at != std::string_view::npos) {
    std::from_chars(name.data() + at + before.size(), name.data() + name.size(), number);
  }
  return number;
}

/// How often the weights of a detector are applied to one image.
class DetectorCounter {
 public:
  explicit DetectorCounter(const DetectorConfig& config)
      : config_(config), geometry_(geometry_of(config.encoder)) {
    Size size = config.encoder.img_size;
    const std::int64_t finest = level_strides(config).front();
    size = {size.height / finest, size.width / finest};
    for (std::size_t level = 0; level < level_strides(config).size(); ++level) {
      places_.push_back(product_of({size.height, size.width}));
      size = {(size.height + 1) / 2, (size.width + 1) / 2};
    }
  }

  static std::string_view part_of(std::string_view name) {
    if (name.starts_with("backbone.bottom_up.") || name.starts_with("backbone.net.")) {
      return kParts[0];
    }
    if (name.starts_with("backbone.")) return kParts[1];
    if (name.starts_with("proposal_generator.")) return kParts[2];
    return name.starts_with("roi_heads.mask_head.") ? kParts[4] : kParts[3];
  }

  /// Of a weight with more than one dimension.
  std::int64_t applications(const ParameterShape& weight) const {
    const std::string_view name = weight.name;
    const std::string_view part = part_of(name);
    if (part == kParts[0]) return of_encoder(name);
    if (part == kParts[1]) return of_pyramid(name);
    if (part == kParts[2]) {
      std::int64_t total = 0;
      for (const std::int64_t places : places_) add_to(total, places);
      return total;
    }
    const RoiConfig& roi = config_.roi;
    if (part == kParts[3]) {
      const std::int64_t boxes = config_.proposals.post_nms_topk[1];
      return weight.shape.size() == 4 ? product_of({boxes, roi.box_pool, roi.box_pool}) : boxes;
    }
    const std::int64_t side =
        name.ends_with(".predictor.weight") ? mask_size(config_) : roi.mask_pool;
    return product_of({config_.detection.topk_per_image, side, side});
  }

  /// Both products of the attention of a block of stage 3.
  std::int64_t attention(std::int64_t block) const {
    const std::int64_t width = config_.encoder.embed_dim[2];
    const Size grid = geometry_.grid();
    if (std::ranges::count(config_.windowed_blocks, block) == 0) {
      const std::int64_t tokens = product_of({grid.height, grid.width});
      return product_of({2, tokens, tokens, width});
    }
    const std::int64_t side = config_.window.side;
    const std::int64_t windows =
        product_of({(grid.height + side - 1) / side, (grid.width + side - 1) / side});
    return product_of({2, windows, product_of({side, side, side, side}), width});
  }

 private:
  std::int64_t of_encoder(std::string_view name) const {
    const std::int64_t blocks = geometry_.num_blocks();
    const auto is = [&](const char* part) { return name.find(part) != std::string_view::npos; };
    if (is(".patch_embed1.") || is(".blocks1.")) return product_of({blocks, geometry_.cells(1)});
    if (is(".patch_embed2.") || is(".blocks2.")) return product_of({blocks, geometry_.cells(2)});
    return blocks;
  }

  std::int64_t of_pyramid(std::string_view name) const {
    const std::int64_t of_stage3 = geometry_.num_blocks();
    for (const char* const before : {"fpn_lateral", "fpn_output"}) {
      if (name.find(before) != std::string_view::npos) {
        return places_[static_cast<std::size_t>(number_after(name, before)) - 2];
      }
    }
    // An upsampling is applied where it reads, a convolution where it writes.
    const std::int64_t level = number_after(name, "simfp_");
    if (level <= 3 && name.ends_with(".0.weight")) return of_stage3;
    if (level == 2 && name.ends_with(".3.weight")) return product_of({4, of_stage3});
    return places_[static_cast<std::size_t>(level) - 2];
  }

  const DetectorConfig& config_;
  Geometry geometry_;
  std::vector<std::int64_t> places_;  ///< of each level
};

}  // namespace

std::vector<DetectorCost> detector_costs(const DetectorConfig& config) {
  const DetectorCounter counter(config);
  std::vector<DetectorCost> parts;
  for (const std::string_view name : kParts) {
    if (name != "masks" || config.roi.masks) parts.push_back({.name = std::string(name)});
  }
  for_each_parameter(config, [&](const ParameterShape& parameter) {
    if (is_statistic(parameter.name)) return;
    DetectorCost& part =
        *std::ranges::find(parts, DetectorCounter::part_of(parameter.name), &DetectorCost::name);
    const std::int64_t elements = counted_or_refused(checked_numel(parameter.shape));
    add_to(part.parameters, elements);
    if (!parameter.fixed) add_to(part.trainable, elements);
    if (!parameter.name.ends_with(".weight") || parameter.shape.size() < 2) return;
    add_to(part.macs, product_of({elements, counter.applications(parameter)}));
    if (parameter.name.ends_with(".attn.qkv.weight")) {
      add_to(part.macs, counter.attention(number_after(parameter.name, "blocks3.")));
    }
  });
  return parts;
}

DetectorCost total_cost(const std::vector<DetectorCost>& parts) {
  DetectorCost total{.name = "total"};
  for (const DetectorCost& part : parts) {
    add_to(total.parameters, part.parameters);
    add_to(total.trainable, part.trainable);
    add_to(total.macs, part.macs);
  }
  return total;
}

}  // namespace convmae
