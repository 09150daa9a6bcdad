#include "convmae/detect/detector_init.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/checkpoint/head_classes.h"
#include "convmae/checkpoint/position_transfer.h"
#include "convmae/checkpoint/weight_layout.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/coco/published_categories.h"
#include "convmae/data/sources/class_match.h"
#include "convmae/data/sources/source_account.h"
#include "convmae/detect/detector_checkpoint.h"
#include "convmae/detect/published_detector.h"
#include "convmae/model/encoder/position_grid.h"
#include "convmae/model/encoder/position_resize.h"

#include <ATen/ATen.h>

#include <optional>
#include <utility>

namespace convmae {
namespace {

constexpr const char* kScores = "roi_heads.box_predictor.cls_score.weight";

bool is_detector(const WeightFile& file) { return file.find(kScores) != nullptr; }

std::vector<std::string> names_of(const std::vector<coco::Category>& categories) {
  std::vector<std::string> names;
  names.reserve(categories.size());
  for (const coco::Category& category : categories) names.push_back(as_utf8(category.name));
  return names;
}

/// The names of a detector's classes; numbers where nothing names them.
std::vector<std::string> class_names_of(const WeightFile& file) {
  if (const std::optional<CheckpointInfo> info = described_by_itself(file)) {
    if (describes_detector(*info))
      return names_of(described_detector(file.path(), *info).categories);
  }
  const std::vector<coco::Category> published = coco::published_categories();
  const std::int64_t classes = file.find(kScores)->tensor.shape.at(0) - 1;
  return classes == std::ssize(published) ? names_of(published) : class_numbers(classes);
}

/// The encoder whose table of absolute positions a detector has.
EncoderConfig encoder_of_positions(const DetectorConfig& config) {
  EncoderConfig encoder = config.encoder;
  encoder.img_size = config.position_img_size;
  return encoder;
}

/// How many rows a tensor has for each class, if it has some: scores, differences, masks.
std::optional<std::int64_t> rows_per_class(const std::string& name) {
  if (name.starts_with("roi_heads.box_predictor.cls_score.")) return 1;
  if (name.starts_with("roi_heads.box_predictor.bbox_pred.")) return 4;
  if (name.starts_with("roi_heads.mask_head.predictor.")) return 1;
  return std::nullopt;
}

/// A table of vectors along an axis, [2n - 1, C], for another n: linear, as ViTDet resizes it.
at::Tensor resized_rows(const at::Tensor& table, std::int64_t rows) {
  const at::Tensor lines = table.t().unsqueeze(0).contiguous();
  return at::upsample_linear1d(lines, {rows}, /*align_corners=*/false).squeeze(0).t();
}

/// Copies weights of a file into a detector, adapting what may differ.
class DetectorTransfer {
 public:
  DetectorTransfer(const WeightFile& file, std::string prefix, Detector& detector,
                   InChansInit in_chans, const std::vector<coco::Category>& categories)
      : file_(file),
        prefix_(std::move(prefix)),
        detector_(detector),
        encoder_(encoder_of_positions(detector.config())),
        positions_(file, prefix_, encoder_),
        in_chans_(in_chans),
        is_detector_(is_detector(file)) {
    if (is_detector_) match_classes(categories);
  }

  DetectorInit run() {
    const at::NoGradGuard no_grad;
    const std::string own = detector_.config().pyramid == PyramidKind::feature
                                ? "backbone.bottom_up."
                                : "backbone.net.";
    for (const auto& [name, target] : named_tensors(detector_)) {
      if (name.starts_with(own)) {
        take_of_encoder(name.substr(own.size()), target);
      } else {
        take_of_head(name, target);
      }
    }
    if (!first_missing_.empty()) {
      throw UserError(quote(file_.path().string()) + " lacks the encoder tensor " +
                      quote(first_missing_) + ": choose the model that the file was made for");
    }
    return {"init: took " + std::to_string(taken_) + " tensors from a " + origin_of(file_) +
                position_notes() + notes_ + new_parts() + classes_text_,
            !class_of_.empty()};
  }

 private:
  /// For each of the new classes the row of the file's class of that name.
  void match_classes(const std::vector<coco::Category>& categories) {
    const std::vector<std::string> known = class_names_of(file_);
    const std::vector<std::string> names = names_of(categories);
    const ClassMatch match = match_or_guess(names, known);
    std::vector<std::string> unknown;
    for (std::size_t k = 0; k < names.size(); ++k) {
      if (match.index[k] == ClassMatch::kUnknown) {
        unknown.push_back(names[k]);
      } else {
        class_of_.emplace_back(static_cast<std::int64_t>(k), match.index[k]);
      }
    }
    classes_ = std::ssize(names);
    known_classes_ = std::ssize(known);
    classes_text_ = "; classes: rows of " + std::to_string(class_of_.size()) + " of " +
                    std::to_string(names.size()) + " carried over by name";
    if (match.guessed) classes_text_ = "; classes, guessed: " + guessed_pairs(names);
    if (!unknown.empty()) classes_text_ += ", new: " + listed(unknown);
  }

  /// `name` within the encoder.
  void take_of_encoder(const std::string& name, const at::Tensor& target) {
    const Weight* const weight = file_.find(prefix_ + name);
    if (name == "pos_embed") {
      taken_ += static_cast<std::int64_t>(positions_.take_absolute(target));
    } else if (name.ends_with("relative_position_bias_table") || name.ends_with(".rel_pos_h") ||
               name.ends_with(".rel_pos_w")) {
      take_relative(weight, target);
    } else if (weight == nullptr) {
      if (first_missing_.empty()) first_missing_ = name;
    } else if (name == "patch_embed1.proj.weight" && weight->tensor.shape.size() == 4 &&
               weight->tensor.shape[1] != target.size(1)) {
      taken_ += static_cast<std::int64_t>(
          take_first_convolution(file_, *weight, target, in_chans_, notes_));
    } else {
      take_whole(*weight, target);
    }
  }

  /// One that the file does not have stays new, which is zero.
  void take_relative(const Weight* weight, const at::Tensor& target) {
    if (weight == nullptr || weight->tensor.shape.size() != 2 || weight->tensor.shape[0] < 1 ||
        weight->tensor.shape[1] != target.size(1)) {
      ++new_tables_;
      return;
    }
    const at::Tensor table = read_tensor(file_, *weight);
    if (table.size(0) == target.size(0)) {
      target.copy_(table);
    } else if (!weight->name.ends_with("relative_position_bias_table")) {
      target.copy_(resized_rows(table, target.size(0)));
      ++resized_;
    } else {
      const std::optional<Size> from = square_grid_of_distances(table.size(0));
      const std::optional<Size> to = square_grid_of_distances(target.size(0));
      if (!from || !to) refuse_shape(file_.path(), weight->name, table.sizes(), target.sizes());
      target.copy_(resize_relative_positions(table, *from, *to));
      ++resized_;
    }
    ++taken_;
  }

  void take_of_head(const std::string& name, const at::Tensor& target) {
    const Weight* const weight = is_detector_ ? file_.find(name) : nullptr;
    if (weight == nullptr) {
      ++new_;
      return;
    }
    const std::optional<std::int64_t> rows = rows_per_class(name);
    if (rows) return take_classes(*weight, *rows, target);
    if (at::IntArrayRef(weight->tensor.shape) == target.sizes()) return take_whole(*weight, target);
    ++new_;
  }

  /// The rows of the classes that the file has, and the one behind them, of the background.
  void take_classes(const Weight& weight, std::int64_t rows, const at::Tensor& target) {
    const std::vector<std::int64_t>& shape = weight.tensor.shape;
    const std::int64_t behind = target.size(0) - rows * classes_;
    const bool fits = std::ssize(shape) == target.dim() &&
                      shape[0] == rows * known_classes_ + behind &&
                      at::IntArrayRef(shape).slice(1) == target.sizes().slice(1);
    if (!fits) {
      ++new_;
      return;
    }
    const at::Tensor source = read_tensor(file_, weight);
    for (const auto& [own, other] : class_of_) {
      target.narrow(0, rows * own, rows).copy_(source.narrow(0, rows * other, rows));
    }
    target.narrow(0, rows * classes_, behind)
        .copy_(source.narrow(0, rows * known_classes_, behind));
    ++taken_;
  }

  void take_whole(const Weight& weight, const at::Tensor& target) {
    read_tensor(file_, weight, target);
    ++taken_;
  }

  /// Of a detector whose tables lie in its blocks nothing is known there of what became of them.
  std::string position_notes() const {
    return detector_.config().relative_position == RelativePosition::per_block ? ""
                                                                               : positions_.notes();
  }

  std::string new_parts() const {
    std::string text;
    if (resized_ > 0) {
      text += "; " + counted(resized_, "table", "tables") + " of relative positions interpolated";
    }
    if (new_tables_ > 0) {
      text += "; new: " + counted(new_tables_, "table", "tables") + " of relative positions";
    }
    if (new_ == 0) return text;
    return text + (is_detector_ ? "; new: " + counted(new_, "tensor", "tensors") +
                                      " of heads that the file lacks or has in another shape"
                                : "; new: pyramid and heads");
  }

  const WeightFile& file_;
  std::string prefix_;
  Detector& detector_;
  EncoderConfig encoder_;
  PositionTransfer positions_;
  InChansInit in_chans_;
  bool is_detector_;
  std::vector<std::pair<std::int64_t, std::int64_t>> class_of_;  ///< here, and in the file
  std::int64_t classes_ = 0;
  std::int64_t known_classes_ = 0;
  std::string classes_text_;
  std::int64_t taken_ = 0;
  std::int64_t new_ = 0;
  std::int64_t new_tables_ = 0;
  std::int64_t resized_ = 0;
  std::string first_missing_;
  std::string notes_;
};

/// The configuration of the detector in a file.
DetectorConfig config_in(const WeightFile& file) {
  if (const std::optional<CheckpointInfo> info = described_by_itself(file)) {
    if (describes_detector(*info)) return described_detector(file.path(), *info).config;
  }
  std::vector<NamedShape> shapes;
  for (const Weight& weight : file.weights()) shapes.push_back({weight.name, weight.tensor.shape});
  const std::optional<DetectorConfig> config = detector_config_of(shapes);
  if (!config) {
    throw UserError(quote(file.path().string()) +
                    " holds no detector that this program knows: see `convmae inspect`");
  }
  return *config;
}

}  // namespace

DetectorInit take_weights(const std::filesystem::path& path, Detector& detector,
                          InChansInit in_chans_init,
                          const std::vector<coco::Category>& categories) {
  const WeightFile file = open_for_init(path);
  const std::optional<Architecture> architecture = architecture_of(file);
  if (!architecture) {
    throw UserError(quote(path.string()) +
                    " holds no model that this program knows: see `convmae inspect`");
  }
  return DetectorTransfer(file, architecture->prefix, detector, in_chans_init, categories).run();
}

nlohmann::ordered_json detector_settings(const std::filesystem::path& path) {
  const WeightFile file = open_for_init(path);
  if (!is_detector(file)) {
    nlohmann::ordered_json settings = encoder_settings(path);
    // The size of its images is not that of a detector's, and how it knows positions neither.
    for (const char* const key : {"input_size", "position", "method"}) settings.erase(key);
    return settings;
  }
  auto settings = nlohmann::ordered_json::parse(to_json(config_in(file)));
  settings.erase("num_classes");
  for (const auto& [key, value] : settings.items()) {
    if (value.is_array() && value.empty()) value = "none";  // as the flag has it
  }
  if (const std::optional<CheckpointInfo> info = described_by_itself(file)) {
    settings["mean"] = info->preprocessing.mean;
    settings["std"] = info->preprocessing.std;
  }
  return settings;
}

}  // namespace convmae
