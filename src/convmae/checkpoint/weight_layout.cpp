#include "convmae/checkpoint/weight_layout.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/vitmae_names.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace convmae {
namespace {

struct LayoutRule {
  WeightLayout layout;
  const char* name;
  const char* prefix;
  bool keeps_decoder;
  bool keeps_heads;
};

constexpr std::array kRules{
    LayoutRule{WeightLayout::convmae, "convmae", "", true, true},
    LayoutRule{WeightLayout::timm, "timm", "", false, true},
    LayoutRule{WeightLayout::mmseg, "mmseg", "backbone.", false, false},
    LayoutRule{WeightLayout::detectron2, "detectron2", "backbone.bottom_up.", false, false},
    LayoutRule{WeightLayout::vitmae, "vitmae", "", true, false},
};

const LayoutRule& rule_of(WeightLayout layout) {
  return *std::ranges::find(kRules, layout, &LayoutRule::layout);
}

/// What fine-tuning and probing put behind the encoder.
bool is_head(std::string_view name) {
  return name.starts_with("head.") || name.starts_with("fc_norm.");
}

/// One of the kVitmaeParts equal parts of a weight's rows.
Weight part_of(const Weight& weight, std::size_t part) {
  if (!weight.parts.empty()) return {weight.name, weight.parts[part]};
  StridedTensor tensor = weight.tensor;
  tensor.shape[0] /= std::int64_t{kVitmaeParts};
  tensor.offset += static_cast<std::int64_t>(part) * tensor.shape[0] * tensor.stride[0];
  return {weight.name, std::move(tensor)};
}

/// Adds a weight under the layout's name, or its parts under theirs; false if the layout has none.
bool add_renamed(const Weight& weight, std::string_view published, const LayoutRule& rule,
                 std::vector<RenamedWeight>& renamed) {
  if (rule.layout != WeightLayout::vitmae) {
    renamed.push_back({weight, std::string(rule.prefix).append(published)});
    return true;
  }
  const std::vector<std::string> names = vitmae_names(published);
  for (std::size_t i = 0; i < names.size(); ++i) {
    renamed.push_back({names.size() == 1 ? weight : part_of(weight, i), names[i]});
  }
  return !names.empty();
}

}  // namespace

bool is_decoder_weight(std::string_view name) {
  return name.starts_with("decoder_") || name == "mask_token";
}

WeightLayout parse_weight_layout(const std::string& name) {
  for (const LayoutRule& rule : kRules) {
    if (name == rule.name) return rule.layout;
  }
  throw UserError("no layout is named " + quote(name) +
                  ": choose convmae, timm, mmseg, detectron2 or vitmae");
}

std::optional<Architecture> architecture_of(const WeightFile& file) {
  std::vector<NamedShape> shapes;
  for (const Weight& weight : file.weights()) shapes.push_back({weight.name, weight.tensor.shape});
  return architecture_of(shapes);
}

WeightSelection select_weights(const WeightFile& file, std::optional<WeightLayout> layout,
                               bool encoder_only) {
  WeightSelection selection;
  if (!layout && !encoder_only) {
    for (const Weight& weight : file.weights()) selection.weights.push_back({weight, weight.name});
  } else {
    const std::optional<Architecture> architecture = architecture_of(file);
    if (!architecture) {
      throw UserError(quote(file.path().string()) +
                      " has no encoder of a known kind: convert it without --layout and "
                      "--encoder_only");
    }
    const std::string& prefix = architecture->prefix;
    const LayoutRule& rule = rule_of(layout.value_or(WeightLayout::convmae));
    for (const Weight& weight : file.weights()) {
      // Beside an encoder with a prefix stands what is no part of it.
      const bool inside = weight.name.starts_with(prefix);
      const std::string_view name =
          std::string_view(weight.name).substr(inside ? prefix.size() : 0);
      const bool decoder_stays = rule.keeps_decoder && !encoder_only;
      const bool head_stays = rule.keeps_heads && !encoder_only;
      if (!inside || (is_decoder_weight(name) && !decoder_stays) ||
          (is_head(name) && !head_stays) || !add_renamed(weight, name, rule, selection.weights)) {
        ++selection.left_out;
      }
    }
  }
  if (selection.weights.empty()) {
    throw UserError(quote(file.path().string()) + " holds no weights that could be converted");
  }
  return selection;
}

}  // namespace convmae
