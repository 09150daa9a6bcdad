#include "convmae/data/augment/photometric.h"
#include "convmae/data/labels/crop_plan.h"
#include "convmae/data/resize/linear_resize.h"
#include "convmae/data/transforms.h"
#include "convmae/metrics/segmentation_metrics.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <c10/util/Exception.h>

#include "golden/replay/image_tensors.h"
#include "golden/replay/replays.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace convmae::golden {
namespace {

constexpr std::uint8_t kIgnored = 255;  // of the files

/// The draws of a case's steps, one after the other; whatever is asked for must be what was drawn.
class StepDraws {
 public:
  explicit StepDraws(const Json& steps) {
    for (const Json& step : steps) {
      for (const Json& draw : step.at("draws")) draws_.push_back(draw);
    }
  }

  GeometryDraws draws() {
    return {[this](double low, double high) { return uniform(low, high); },
            [this](std::size_t count) { return choose(count); }};
  }
  bool used_up() const { return next_ == draws_.size(); }

 private:
  double uniform(double low, double high) {
    const Json& draw = draws_.at(next_++);
    const Json range = draw[1].empty() ? Json{0.0, 1.0} : draw[1];
    TORCH_CHECK(draw[0] != "randint" && range == (Json{low, high}), "another draw: ", draw.dump());
    return draw[2].get<double>();
  }
  /// A whole number from a range, as its place in it.
  std::size_t choose(std::size_t count) {
    const Json& draw = draws_.at(next_++);
    const auto range = draw[1].get<std::vector<std::int64_t>>();
    const std::int64_t low = range.size() > 1 ? range[0] : 0;
    TORCH_CHECK(draw[0] == "randint" && range.back() - low == static_cast<std::int64_t>(count),
                "another draw: ", draw.dump());
    return static_cast<std::size_t>(draw[2].get<std::int64_t>() - low);
  }

  std::vector<Json> draws_;
  std::size_t next_ = 0;
};

LabelMap labels_of(const at::Tensor& labels) {
  LabelMap map;
  map.classes.reserve(static_cast<std::size_t>(labels.numel()));
  const auto* const from = labels.const_data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < labels.numel(); ++i) {
    map.classes.push_back(from[i] == kIgnored ? LabelMap::kIgnored : std::int16_t{from[i]});
  }
  return map;
}

at::Tensor labels_of(const LabelMap& map, Size size) {
  at::Tensor labels = at::empty({size.height, size.width}, at::kByte);
  auto* to = labels.mutable_data_ptr<std::uint8_t>();
  for (const std::int16_t k : map.classes) {
    *to++ = k == LabelMap::kIgnored ? kIgnored : static_cast<std::uint8_t>(k);
  }
  return labels;
}

CropRecipe recipe_of(const Json& golden_case) {
  const auto bounds = golden_case.at("img_scale").get<std::array<std::int64_t, 2>>();
  const auto crop = golden_case.at("crop").get<std::array<std::int64_t, 2>>();
  const auto range = golden_case.at("ratio_range").get<std::array<double, 2>>();
  CropRecipe recipe;
  recipe.bounds = {bounds[0], bounds[1]};
  recipe.smallest = range[0];
  recipe.largest = range[1];
  recipe.crop = {crop[0], crop[1]};
  recipe.most_of_one_class = golden_case.at("cat_max_ratio").get<double>();
  return recipe;
}

void add_case(const GoldenFile& file, const Json& golden_case, Tensors& out) {
  const auto name = golden_case.at("name").get<std::string>();
  const CropRecipe recipe = recipe_of(golden_case);
  const Image image = image_of(file.at("in." + name + ".image"));
  const LabelMap labels = labels_of(file.at("in." + name + ".label"));
  StepDraws recorded(golden_case.at("steps"));
  const GeometryDraws draws = recorded.draws();
  const CropPlan plan = plan_crop(recipe, labels, image.size(), draws);
  LinearResizer resizer;
  Image moved;
  const auto add = [&](const std::string& step, const CropPlan& up_to) {
    resizer.resize(image, up_to.resized, up_to.window, moved);
    if (up_to.mirrored) mirror(moved);
    const std::string prefix = "out." + name + "." + step + ".";
    out[prefix + "image"] = pixels_of(moved);
    out[prefix + "label"] = labels_of(cropped_labels(labels, up_to), moved.size());
  };
  CropPlan part = plan;
  part.mirrored = false;
  part.window = {0, 0, plan.resized.height, plan.resized.width};
  add("resize", part);
  part.window = plan.window;
  add("crop", part);
  add("flip", plan);
  distort(moved, draws);
  out["out." + name + ".distort.image"] = pixels_of(moved);
  TORCH_CHECK(recorded.used_up(), "draws were left over");

  Sample sample;
  sample.size = moved.size();
  sample.pixels.resize(static_cast<std::size_t>(moved.num_values()));
  normalise(moved, full_scale(moved.type()), Normalisation::defaults(3), /*flip=*/false,
            sample.pixels.data());
  sample.map = cropped_labels(labels, plan);
  pad_to(recipe.crop, 3, sample);
  at::Tensor pixels = at::empty({3, sample.size.height, sample.size.width}, at::kFloat);
  std::ranges::copy(sample.pixels, pixels.mutable_data_ptr<float>());
  out["out." + name + ".image"] = pixels;
  out["out." + name + ".label"] = labels_of(*sample.map, sample.size);
}

/// "saturation_0.9" and its argument.
void add_colour_operation(const Image& image, const Json& operation, Tensors& out) {
  const auto name = operation[0].get<std::string>();
  const auto argument = operation[1].get<float>();
  Image changed = image_of(pixels_of(image));
  if (name.starts_with("brightness")) {
    scale_levels(1, argument, changed);
  } else if (name.starts_with("contrast")) {
    scale_levels(argument, 0, changed);
  } else if (name.starts_with("saturation")) {
    scale_saturation(argument, changed);
  } else {
    TORCH_CHECK(name.starts_with("hue"), "unknown operation ", name);
    turn_hue(static_cast<int>(argument), changed);
  }
  out["out.colour." + name] = pixels_of(changed);
}

void add_colours(const GoldenFile& file, Tensors& out) {
  Image image = image_of(file.at("in.colour.image"));
  for (const Json& operation : file.config().at("colour_ops")) {
    add_colour_operation(image, operation, out);
  }
  const auto values = image.values<std::uint8_t>();
  for (std::size_t i = 0; i < values.size(); i += 3) {
    std::ranges::copy(hsv_of({values[i], values[i + 1], values[i + 2]}), &values[i]);
  }
  out["out.colour.hsv"] = pixels_of(image);
}

/// mmsegmentation's `reduce_zero_label`: class 0 counts for nothing, the others move down.
at::Tensor reduced(at::Tensor labels) {
  auto* const values = labels.mutable_data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < labels.numel(); ++i) {
    values[i] = values[i] == 0 || values[i] == kIgnored ? kIgnored : values[i] - 1;
  }
  return labels;
}

std::span<const std::uint8_t> bytes_of(const at::Tensor& map) {
  return {map.const_data_ptr<std::uint8_t>(), static_cast<std::size_t>(map.numel())};
}

/// The value in the file, where it is there, must be ours; null stands for none.
void check_value(const Json& golden, std::optional<double> ours, const std::string& name) {
  const bool equal =
      golden.is_null() ? !ours : ours && std::abs(golden.get<double>() - *ours) <= 1e-12;
  TORCH_CHECK(equal, name, " is ", ours.value_or(std::nan("")), ", expected ", golden.dump());
}

void add_metrics(const GoldenFile& file, std::size_t number, Tensors& out) {
  const Json& golden = file.config().at("metrics").at(number);
  const auto classes = golden.at("classes").get<std::int64_t>();
  const std::string name = "metric" + std::to_string(number);
  SegmentationMetrics metrics(classes);
  for (int i = 0; file.has("in." + name + ".gt" + std::to_string(i)); ++i) {
    at::Tensor labels = file.at("in." + name + ".gt" + std::to_string(i));
    if (golden.at("reduce_zero_label").get<bool>()) labels = reduced(labels);
    const at::Tensor predicted = file.at("in." + name + ".pred" + std::to_string(i));
    metrics.add(bytes_of(predicted), bytes_of(labels));
  }
  const auto add_scalar = [&](const char* key, double value) {
    if (golden.contains(key)) check_value(golden.at(key), value, name + "." + key);
    out["out." + name + "." + key] = at::full({}, value, at::kFloat);
  };
  add_scalar("aAcc", metrics.overall_accuracy());
  add_scalar("mAcc", metrics.mean_accuracy());
  add_scalar("mIoU", metrics.mean_iou());
  const auto add_vector = [&](const char* key, auto value_of) {
    at::Tensor values = at::empty({classes}, at::kFloat);
    for (std::int64_t k = 0; k < classes; ++k) {
      const std::optional<double> value = value_of(k);
      if (golden.contains(key)) {
        check_value(golden.at(key).at(static_cast<std::size_t>(k)), value, name + "." + key);
      }
      values[k] = value.value_or(std::numeric_limits<double>::quiet_NaN());
    }
    out["out." + name + "." + key] = values;
  };
  add_vector("acc", [&](std::int64_t k) { return metrics.accuracy(k); });
  add_vector("iou", [&](std::int64_t k) { return metrics.iou(k); });
}

}  // namespace

Replay replay_seg_transforms(const GoldenFile& file) {
  Replay replay;
  for (const Json& golden_case : file.config().at("cases")) {
    add_case(file, golden_case, replay.tensors);
  }
  add_colours(file, replay.tensors);
  for (std::size_t i = 0; i < file.config().at("metrics").size(); ++i) {
    add_metrics(file, i, replay.tensors);
  }
  return replay;
}

}  // namespace convmae::golden
