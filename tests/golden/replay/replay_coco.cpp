#include "golden/replay/replay_coco.h"

#include "convmae/coco/evaluation.h"
#include "convmae/coco/training_selection.h"
#include "convmae/io/sha256.h"

#include <ATen/ATen.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace convmae::golden {
namespace {

/// A number with so many digits, as the files have it.
double with_digits(double value, int digits) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.*g", digits, value);
  return std::strtod(text.data(), nullptr);
}

Json stats_json(const coco::Evaluation& evaluation) {
  constexpr int kStatDigits = 15;
  Json stats = Json::array();
  for (const double value : evaluation.stats()) {
    stats.push_back(with_digits(value, kStatDigits));
  }
  return stats;
}

/// Nested lists [threshold][category][area][limit] of what `value` gives.
template <typename Value>
Json nested(const coco::Evaluation& evaluation, Value value) {
  constexpr int kDigits = 12;
  Json all = Json::array();
  for (std::size_t t = 0; t < coco::kThresholds; ++t) {
    Json& categories = all.emplace_back(Json::array());
    for (std::size_t k = 0; k < evaluation.categories(); ++k) {
      Json& areas = categories.emplace_back(Json::array());
      for (std::size_t a = 0; a < coco::kAreas; ++a) {
        Json& limits = areas.emplace_back(Json::array());
        for (std::size_t m = 0; m < coco::kLimits; ++m) {
          limits.push_back(with_digits(value(t, k, a, m), kDigits));
        }
      }
    }
  }
  return all;
}

std::string hash(const std::vector<double>& values) {
  return sha256(std::as_bytes(std::span(values)));
}

/// Calls `visit(threshold, recall, category, area, limit)` in numpy's order.
template <typename Visit>
void for_each_point(const coco::Evaluation& evaluation, Visit visit) {
  for (std::size_t t = 0; t < coco::kThresholds; ++t) {
    for (std::size_t r = 0; r < coco::kRecalls; ++r) {
      for (std::size_t k = 0; k < evaluation.categories(); ++k) {
        for (std::size_t a = 0; a < coco::kAreas; ++a) {
          for (std::size_t m = 0; m < coco::kLimits; ++m) visit(t, r, k, a, m);
        }
      }
    }
  }
}

void add_hashes(const coco::Evaluation& evaluation, Json& json) {
  std::vector<double> precision;
  std::vector<double> scores;
  std::vector<double> recall;
  for_each_point(evaluation, [&](auto t, auto r, auto k, auto a, auto m) {
    precision.push_back(evaluation.precision(t, r, k, a, m));
    scores.push_back(evaluation.score(t, r, k, a, m));
    if (r == 0) recall.push_back(evaluation.recall(t, k, a, m));
  });
  json["precision_shape"] = {coco::kThresholds, coco::kRecalls, evaluation.categories(),
                             coco::kAreas, coco::kLimits};
  json["precision_sha256"] = hash(precision);
  json["recall_sha256"] = hash(recall);
  json["scores_sha256"] = hash(scores);
}

template <typename Record>
Json ids_of(const std::vector<Record>& records) {
  Json ids = Json::array();
  for (const Record& record : records) ids.push_back(record.id);
  return ids;
}

Json evaluation_json(const coco::Dataset& truth, const coco::Evaluation& evaluation) {
  Json aps = Json::array();
  for (std::size_t k = 0; k < evaluation.categories(); ++k) {
    const auto ap = evaluation.category_ap(k);
    aps.push_back(ap ? Json(*ap) : Json());
  }
  const auto sum_over_recalls = [](auto value) {
    double sum = 0;
    for (std::size_t r = 0; r < coco::kRecalls; ++r) sum += value(r);
    return sum;
  };
  Json json{{"stats", stats_json(evaluation)},
            {"cat_ids", ids_of(truth.categories())},
            {"img_ids_sorted", ids_of(truth.images())},
            {"per_category_ap", aps}};
  json["recall"] = nested(
      evaluation, [&](auto t, auto k, auto a, auto m) { return evaluation.recall(t, k, a, m); });
  json["precision_sum_over_recall_thresholds"] =
      nested(evaluation, [&](auto t, auto k, auto a, auto m) {
        return sum_over_recalls([&](auto r) { return evaluation.precision(t, r, k, a, m); });
      });
  json["scores_sum_over_recall_thresholds"] =
      nested(evaluation, [&](auto t, auto k, auto a, auto m) {
        return sum_over_recalls([&](auto r) { return evaluation.score(t, r, k, a, m); });
      });
  add_hashes(evaluation, json);
  return json;
}

Json mask_json(const coco::Dataset& dataset, const coco::Annotation& annotation) {
  if (annotation.mask.has_polygons()) return coco::usable_polygons(dataset, annotation);
  const Size size = dataset.masks().rle_size(annotation.mask);
  return {{"size", {size.height, size.width}},
          {"counts", std::string(dataset.masks().text(annotation.mask))}};
}

Json record_json(const coco::Dataset& dataset, std::int64_t index) {
  const coco::ImageRecord& image = dataset.images()[static_cast<std::size_t>(index)];
  Json record{{"file_name", "images/" + image.file_name},
              {"height", image.size.height},
              {"width", image.size.width},
              {"image_id", image.id},
              {"annotations", Json::array()}};
  for (const coco::Annotation& annotation : dataset.annotations_of(index)) {
    if (!coco::is_usable(dataset, annotation)) continue;
    constexpr int kXywh = 1;  // detectron2's number for boxes as the file has them
    Json object{{"iscrowd", annotation.crowd ? 1 : 0},
                {"bbox", annotation.box},
                {"category_id", annotation.category},
                {"bbox_mode", kXywh}};
    if (annotation.mask.kind != coco::MaskPlace::Kind::none) {
      object["segmentation"] = mask_json(dataset, annotation);
    }
    record["annotations"].push_back(std::move(object));
  }
  return record;
}

/// The results of one image, from tensors with detections: boxes as corners, masks as pixels.
void add_results(const GoldenFile& file, const std::string& prefix, std::int64_t image_id,
                 const Json& category_ids, Json& results) {
  const at::Tensor corners = file.at(prefix + ".boxes");
  const at::Tensor scores = file.at(prefix + ".scores");
  const at::Tensor classes = file.at(prefix + ".classes");
  const at::Tensor masks = file.at(prefix + ".masks");
  const Size size{masks.size(1), masks.size(2)};
  for (std::int64_t i = 0; i < corners.size(0); ++i) {
    const at::Tensor box = corners[i];
    const auto corner = [&](std::int64_t k) { return box[k].item<float>(); };
    coco::ResultLine line;
    line.image_id = image_id;
    line.category_id =
        category_ids.at(static_cast<std::size_t>(classes[i].item<float>())).get<std::int64_t>();
    // Sides are differences in float32.
    line.box = {corner(0), corner(1), corner(2) - corner(0), corner(3) - corner(1)};
    line.score = scores[i].item<float>();
    const at::Tensor mask = masks[i].contiguous();
    line.mask = coco::rle_from_pixels(
        size, {mask.const_data_ptr<std::uint8_t>(), static_cast<std::size_t>(mask.numel())});
    results.push_back(Json::parse(coco::result_json(line)));
  }
}

}  // namespace

Replay replay_coco_eval(const std::filesystem::path& truth_path) {
  const std::string name = truth_path.filename().string();
  const std::string truth_ending = ".gt.json";
  const std::filesystem::path results_path =
      truth_path.parent_path() / (name.substr(0, name.size() - truth_ending.size()) + ".dt.json");
  const coco::Dataset truth = coco::Dataset::read(truth_path);
  const coco::Results results = coco::Results::read(results_path, truth);
  Replay replay;
  replay.inputs = {"note"};
  Json& json = replay.numbers.emplace(
      Json{{"bbox", nullptr}, {"segm", nullptr}, {"segm_if_bbox_is_kept_in_the_results", nullptr}});
  if (results.detections().empty()) return replay;
  const auto evaluate = [&](coco::IouType type, bool area_of_box) {
    return coco::Evaluation(truth, results, {type, area_of_box});
  };
  json["bbox"] = evaluation_json(truth, evaluate(coco::IouType::boxes, false));
  json["segm"] = evaluation_json(truth, evaluate(coco::IouType::masks, false));
  json["segm_if_bbox_is_kept_in_the_results"] = {
      {"stats", stats_json(evaluate(coco::IouType::masks, true))}};
  return replay;
}

Replay replay_coco_load(const std::filesystem::path& annotations) {
  const coco::Dataset dataset = coco::Dataset::read(annotations);
  Replay replay;
  replay.inputs = {"bbox_mode"};
  Json& json = replay.numbers.emplace(Json{{"records", Json::array()},
                                           {"kept_for_training", Json::array()},
                                           {"thing_classes", Json::array()},
                                           {"contiguous_id_of", Json::object()}});
  for (std::int64_t i = 0; i < std::ssize(dataset.images()); ++i) {
    json["records"].push_back(record_json(dataset, i));
  }
  for (const std::int32_t image : coco::select_for_training(dataset).images) {
    json["kept_for_training"].push_back(dataset.images()[static_cast<std::size_t>(image)].id);
  }
  for (const coco::Category& category : dataset.categories()) {
    json["contiguous_id_of"][std::to_string(category.id)] = json["thing_classes"].size();
    json["thing_classes"].push_back(category.name);
  }
  return replay;
}

Replay replay_coco_results(const std::filesystem::path& path, const Json& golden) {
  const std::string beginning = "results_";
  const std::filesystem::path detections =
      path.parent_path().parent_path() /
      (path.stem().string().substr(beginning.size()) + ".safetensors");
  Replay replay;
  replay.inputs = {"image_ids", "category_id_of_class", "postprocess"};
  if (!std::filesystem::exists(detections)) return replay;
  const GoldenFile file(detections);
  const std::string prefix = "out." + golden.at("postprocess").get<std::string>();
  const Json& image_ids = golden.at("image_ids");
  if (!file.has(prefix + "0.boxes")) return replay;
  Json& results = replay.numbers.emplace(golden)["results"] = Json::array();
  for (std::size_t i = 0; i < image_ids.size(); ++i) {
    add_results(file, prefix + std::to_string(i), image_ids[i].get<std::int64_t>(),
                golden.at("category_id_of_class"), results);
  }
  return replay;
}

}  // namespace convmae::golden
