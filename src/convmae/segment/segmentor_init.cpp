#include "convmae/segment/segmentor_init.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/checkpoint/position_transfer.h"
#include "convmae/checkpoint/weight_layout.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/data/sources/class_match.h"
#include "convmae/segment/published_segmentor.h"
#include "convmae/segment/segmentor_checkpoint.h"

#include <ATen/ATen.h>

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace convmae {
namespace {

constexpr std::string_view kBackbonePrefix = "backbone.";

bool holds_segmentor(const WeightFile& file) {
  return file.find("decode_head.conv_seg.weight") != nullptr;
}

bool gives_logits(std::string_view name) {
  return name.find(".conv_seg.") != std::string_view::npos;
}

/// What pretraining does not have, so that it may stay new.
bool is_new_with_segmentation(std::string_view name) {
  return !name.starts_with(kBackbonePrefix) || name.starts_with("backbone.fpn.") ||
         name.ends_with(".gamma_1") || name.ends_with(".gamma_2") ||
         name.starts_with("backbone.rel_pos_bias");
}

/// Copies weights of one file into a segmentor, adapting what may differ.
class SegmentorTransfer {
 public:
  SegmentorTransfer(const WeightFile& file, Segmentor& segmentor, InChansInit in_chans,
                    const LabelScheme& scheme)
      : file_(file),
        segmentor_(segmentor),
        in_chans_(in_chans),
        scheme_(scheme),
        prefix_(prefix_of(file)),
        positions_(file, prefix_, segmentor.config().encoder) {}

  std::string run() {
    const at::NoGradGuard no_grad;
    for (const auto& [name, tensor] : named_tensors(segmentor_)) {
      if (!take(name, tensor)) ++new_;
    }
    if (from_encoder_ == 0) {
      throw UserError("no tensor of " + quote(file_.path().string()) +
                      " belongs to this encoder (expected names such as " + quote(missing_) +
                      "): give a file of this method's weights, or leave out --init");
    }
    if (!missing_.empty()) {
      throw UserError(quote(file_.path().string()) + " lacks the encoder tensor " +
                      quote(missing_) + ": choose the model that the file was made for");
    }
    return "init: took " + std::to_string(taken_) + " tensors from a " + origin_of(file_) +
           positions_.notes() + notes_ +
           (new_ == 0 ? "" : "; new: " + std::to_string(new_) + " tensors of the segmentor");
  }

 private:
  static std::string prefix_of(const WeightFile& file) {
    const std::optional<Architecture> architecture = architecture_of(file);
    return architecture ? architecture->prefix : "";
  }

  /// Whether it came from the file.
  bool take(const std::string& name, const at::Tensor& target) {
    const bool taken = name.starts_with(kBackbonePrefix) ? take_of_backbone(name, target)
                                                         : take_of_head(name, target);
    taken_ += static_cast<std::int64_t>(taken);
    return taken;
  }

  bool take_of_backbone(const std::string& name, const at::Tensor& target) {
    const std::string own = name.substr(kBackbonePrefix.size());
    if (own == "pos_embed") return positions_.take_absolute(target);
    if (is_relative_table(own)) return positions_.take_relative(own, target);
    const Weight* const weight = file_.find(prefix_ + own);
    if (weight == nullptr) {
      if (!is_new_with_segmentation(name) && missing_.empty()) missing_ = own;
      return false;
    }
    if (is_new_with_segmentation(name) && !fits(*weight, target)) return false;
    if (!is_new_with_segmentation(name)) ++from_encoder_;
    const std::vector<std::int64_t>& shape = weight->tensor.shape;
    if (own == "patch_embed1.proj.weight" && shape.size() == 4 && shape[1] != target.size(1)) {
      return take_first_convolution(file_, *weight, target, in_chans_, notes_);
    }
    read_tensor(file_, *weight, target);
    return true;
  }

  bool take_of_head(const std::string& name, const at::Tensor& target) {
    const Weight* const weight = file_.find(name);
    if (weight == nullptr || weight->tensor.shape.size() != target.sizes().size()) return false;
    if (gives_logits(name)) return take_classes(*weight, target);
    if (!fits(*weight, target)) return false;
    read_tensor(file_, *weight, target);
    return true;
  }

  static bool fits(const Weight& weight, const at::Tensor& target) {
    return at::IntArrayRef(weight.tensor.shape) == target.sizes();
  }

  /// A layer that has a row for each class.
  bool take_classes(const Weight& weight, const at::Tensor& target) {
    const at::Tensor rows = read_tensor(file_, weight);
    if (rows.sizes().slice(1) != target.sizes().slice(1)) return false;
    if (!matched_) match_classes(rows.size(0));
    std::int64_t carried = 0;
    for (std::size_t k = 0; k < matched_->size(); ++k) {
      const std::int64_t row = (*matched_)[k];
      if (row == ClassMatch::kUnknown || row >= rows.size(0)) continue;
      target[static_cast<std::int64_t>(k)].copy_(rows[row]);
      ++carried;
    }
    return carried > 0;
  }

  /// Which row of the file's head each of our classes has.
  void match_classes(std::int64_t rows) {
    const std::vector<std::string> names = scheme_.names();
    std::vector<std::string> known;
    const std::optional<CheckpointInfo> info = described_by_itself(file_);
    if (info && describes_segmentor(*info)) {
      known = described_segmentor(file_.path(), *info).scheme.names();
    } else {
      for (std::int64_t k = 0; k < rows; ++k) known.push_back(std::to_string(k));
    }
    ClassMatch match = match_or_guess(names, known);
    std::int64_t carried = 0;
    std::vector<std::string> others;
    for (std::size_t k = 0; k < names.size(); ++k) {
      if (match.index[k] == ClassMatch::kUnknown) {
        others.push_back(names[k]);
      } else {
        ++carried;
      }
    }
    if (match.guessed) {
      notes_ += "; guessed of its head: " + guessed_pairs(names) +
                ", in their order, because the file names no classes";
    } else if (!others.empty()) {
      notes_ += "; its head has " + std::to_string(carried) + " of the " +
                std::to_string(names.size()) + " classes, new: " + listed(others);
    }
    matched_ = std::move(match.index);
  }

  const WeightFile& file_;
  Segmentor& segmentor_;
  InChansInit in_chans_;
  const LabelScheme& scheme_;
  std::string prefix_;
  PositionTransfer positions_;
  std::int64_t taken_ = 0;
  std::int64_t from_encoder_ = 0;
  std::int64_t new_ = 0;
  std::string missing_;
  std::string notes_;
  std::optional<std::vector<std::int64_t>> matched_;
};

/// By the names of the flags.
nlohmann::ordered_json head_settings(const SegmentorConfig& config) {
  using Json = nlohmann::ordered_json;
  return {{"in_chans", config.encoder.in_chans},
          {"patch_size", config.encoder.patch_size},
          {"embed_dim", config.encoder.embed_dim},
          {"depth", config.encoder.depth},
          {"mlp_ratio", config.encoder.mlp_ratio},
          {"num_heads", config.encoder.num_heads},
          {"kernel_size", config.encoder.kernel_size},
          {"head_channels", config.channels},
          {"head_maps", config.maps},
          {"pool_scales", config.pool_scales.empty() ? Json("none") : Json(config.pool_scales)},
          {"aux_channels", config.aux_channels},
          {"aux_map", config.aux_map},
          {"layer_scale", config.layer_scale},
          {"relative_position", to_string(config.relative_position)}};
}

}  // namespace

std::string initialise_segmentor(const std::filesystem::path& path, Segmentor& segmentor,
                                 InChansInit in_chans_init, const LabelScheme& scheme) {
  const WeightFile file = open_for_init(path);
  return SegmentorTransfer(file, segmentor, in_chans_init, scheme).run();
}

nlohmann::ordered_json segmentor_settings(const std::filesystem::path& path) {
  const WeightFile file = open_for_init(path);
  if (!holds_segmentor(file)) {
    nlohmann::ordered_json settings = encoder_settings(path);
    // The crop is this run's own, and so is how attention knows positions.
    for (const char* const key : {"input_size", "position", "method"}) settings.erase(key);
    return settings;
  }
  const std::optional<CheckpointInfo> info = described_by_itself(file);
  if (!info || !describes_segmentor(*info)) return head_settings(segmentor_shapes_of(file));
  nlohmann::ordered_json settings = head_settings(described_segmentor(path, *info).config);
  settings["mean"] = info->preprocessing.mean;
  settings["std"] = info->preprocessing.std;
  return settings;
}

}  // namespace convmae
