#include "convmae/cli/detector_flags.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/detect/detector_fields.h"

#include <CLI/CLI.hpp>

#include <map>
#include <string_view>
#include <type_traits>

namespace convmae {
namespace {

/// What --help says of the fields that have a flag here; those of the encoder have theirs, and the
/// number of classes is the annotations'.
const std::map<std::string_view, const char*>& helps() {
  static const std::map<std::string_view, const char*> texts{
      {"relative_position",
       "Tables of relative positions: none, per_block, shared, global_and_windowed or decomposed"},
      {"window_size", "Side of the windows that blocks attend in, in tokens"},
      {"window_padded", "Windows may reach over the map's border; else they must divide it"},
      {"window_shift", "How far down and to the right they lie, in tokens"},
      {"windowed_blocks", "Blocks of stage 3, from 0, that attend in windows, or none"},
      {"train_positions", "Train the table of absolute positions"},
      {"conv_eps", "Of the norms in the blocks of stages 1 and 2"},
      {"eps", "Of the norms in the blocks of stage 3"},
      {"drop_path_unit", "What stochastic depth leaves out in windowed blocks: image or window"},
      {"pyramid", "feature, from all stages, or simple, from the last"},
      {"out_channels", "Width of the pyramid"},
      {"norm", "Of pyramid and heads: batch or layer"},
      {"rpn_conv_dims", "Widths of the convolutions that propose boxes"},
      {"anchor_sizes", "Sides of the anchors in pixels, one for each of the five levels"},
      {"aspect_ratios", "Of the anchors: height by width"},
      {"anchor_offset", "Of the first anchor's centre, as a share of the stride"},
      {"rpn_bbox_weights", "Weights of the proposals' four differences"},
      {"rpn_thresholds", "Overlaps below the first are background, from the second on objects"},
      {"rpn_batch", "Anchors of an image that the loss looks at"},
      {"rpn_positive_fraction", "Share of them that may be objects"},
      {"pre_nms_topk", "Proposals of a level before suppression, in training and in inference"},
      {"post_nms_topk", "Proposals of an image behind it, the same"},
      {"rpn_nms_thresh", "Overlap from which a proposal suppresses another"},
      {"rpn_min_box_size", "Sides of proposals must be longer, in pixels"},
      {"roi_batch", "Proposals of an image that the heads learn from"},
      {"roi_positive_fraction", "Share of them that may be objects"},
      {"roi_threshold", "Overlap from which a proposal is an object"},
      {"roi_bbox_weights", "Weights of the boxes' four differences"},
      {"canonical_box_size", "Side of a box that is pooled from canonical_level"},
      {"canonical_level", "Level of the pyramid for such boxes"},
      {"sampling_ratio", "Samples of a pooled cell and axis; 0: as many as it covers"},
      {"box_pool", "Cells of a side that the box head looks at"},
      {"box_conv_dims", "Widths of its convolutions, or none"},
      {"box_fc_dims", "Widths of its layers behind them"},
      {"masks", "Whether there is a mask head"},
      {"mask_pool", "Cells of a side that it looks at"},
      {"mask_conv_dims", "Widths of its convolutions; the last is that of the upsampling"},
      {"smooth_l1_beta", "Of both box losses; 0: the absolute difference"},
      {"score_thresh", "Detections have a higher score"},
      {"nms_thresh", "Overlap from which a detection suppresses another of its class"},
      {"topk_per_image", "Most detections of an image"},
      {"mask_threshold", "Probability from which a pixel belongs to a mask"},
      {"box_rescaling",
       "How boxes go back to their image: one_factor (images are padded with grey) "
       "or two_factors"},
  };
  return texts;
}

/// Lists that may be empty.
bool may_be_empty(std::string_view name) {
  return name == "windowed_blocks" || name == "box_conv_dims";
}

template <typename T>
CLI::Option* add_field(OptionTable& table, const char* name, T& value, const char* help) {
  if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
    if (may_be_empty(name)) return table.add_or_none(name, value, help);
  }
  return table.add(name, value, help);
}

/// A choice of `value` by name.
template <typename T, typename Choices>
CLI::Option* add_choice(OptionTable& table, const char* name, T& value, const Choices& choices,
                        const char* help) {
  const auto parse = [name, &value, &choices](const std::string& text) {
    std::string known;
    for (const auto& choice : choices) {
      if (text == choice.name) {
        value = choice.value;
        return;
      }
      known += (known.empty() ? "" : ", ") + std::string(choice.name);
    }
    throw UserError("--" + std::string(name) + " must be one of " + known + ", found " +
                    quote(text));
  };
  const auto spell = [&value, &choices] {
    for (const auto& choice : choices) {
      if (choice.value == value) return std::string(choice.name);
    }
    return std::string();
  };
  return table.add_parsed(name, parse, spell, help);
}

}  // namespace

DetectorFlags::DetectorFlags(OptionTable& table, const CLI::App& command, std::string& preset,
                             DetectorConfig& config)
    : preset_(preset), config_(config), input_size_(command.get_option("--input_size")) {
  table.group("Detector");
  table.add("detector", preset_,
            "The published detector that is the default of all that follows: alpha, of the paper's "
            "repository, or official");
  options_.push_back(table.add("position_img_size", config_.position_img_size,
                               "Images that the table of absolute positions is for"));
  const auto add = [&](const char* name, const auto& adding) {
    if (const auto help = helps().find(name); help != helps().end()) {
      options_.push_back(adding(help->second));
    }
  };
  for_each_detector_field(
      config_,
      [&](const char* name, auto& value) {
        add(name, [&](const char* help) { return add_field(table, name, value, help); });
      },
      [&](const char* name, auto& value, const auto& choices) {
        add(name, [&](const char* help) { return add_choice(table, name, value, choices, help); });
      });
}

void DetectorFlags::resolve(EncoderConfig encoder) {
  if (input_size_->count() == 0) encoder.img_size = detector_preset(preset_).encoder.img_size;
  config_ = detector_preset(preset_, encoder);
  for (CLI::Option* const option : options_) {
    if (option->count() > 0) option->run_callback();
  }
}

}  // namespace convmae
