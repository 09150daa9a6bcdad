#include "convmae/detect/detector_checkpoint.h"

#include "convmae/base/error.h"
#include "convmae/base/json_number.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/head_classes.h"
#include "convmae/checkpoint/held_tensors.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/coco/published_categories.h"
#include "convmae/detect/detector_parameters.h"
#include "convmae/detect/published_detector.h"
#include "convmae/train/run/checkpoint_store.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kKind = "detection";

std::vector<coco::Category> categories_in(const Json& task) {
  const std::optional<std::vector<std::string>> names = class_names_in(task);
  const Json ids = task.value("category_ids", Json());
  if (!names || !ids.is_array() || ids.size() != names->size()) {
    throw UserError("its classes are no list of names with an id each");
  }
  std::vector<coco::Category> categories;
  categories.reserve(names->size());
  for (std::size_t i = 0; i < names->size(); ++i) {
    const std::optional<std::int64_t> id = whole_number(ids[i]);
    if (!id) throw UserError("the id of its class " + quote((*names)[i]) + " is no whole number");
    categories.push_back({*id, (*names)[i]});
  }
  return categories;
}

LoadedDetector load_own(const WeightFile& weights) {
  const CheckpointFile file(weights.path());
  DescribedDetector described = described_detector(file.path(), file.info());
  for_each_parameter(described.config, HeldTensors(weights, "", HeldTensors::Lacking::none));
  LoadedDetector loaded;
  loaded.detector = std::make_shared<Detector>(described.config);
  loaded.categories = std::move(described.categories);
  loaded.preprocessing = file.info().preprocessing;
  for (const auto& [name, tensor] : named_tensors(*loaded.detector)) file.read(name, tensor);
  return loaded;
}

LoadedDetector load_published(const WeightFile& file) {
  LoadedDetector loaded;
  loaded.detector = load_published_detector(file);
  const DetectorConfig& config = loaded.detector->config();
  loaded.preprocessing = default_preprocessing(config.encoder.in_chans, config.encoder.img_size);
  loaded.categories = coco::published_categories();
  if (std::ssize(loaded.categories) == config.num_classes) return loaded;
  loaded.named = false;
  loaded.categories.clear();
  for (const std::string& number : class_numbers(config.num_classes)) {
    loaded.categories.push_back({std::ssize(loaded.categories), number});
  }
  return loaded;
}

}  // namespace

Json task_of(const DetectorConfig& config, const std::vector<coco::Category>& categories) {
  Json task{{"kind", kKind},
            {"detector", Json::parse(to_json(config))},
            {"classes", Json::array()},
            {"category_ids", Json::array()}};
  for (const coco::Category& category : categories) {
    task["classes"].push_back(as_utf8(category.name));
    task["category_ids"].push_back(category.id);
  }
  return task;
}

bool describes_detector(const CheckpointInfo& info) {
  return info.task.is_object() && info.task.value("kind", Json()) == kKind;
}

DescribedDetector described_detector(const std::filesystem::path& file,
                                     const CheckpointInfo& info) {
  if (!describes_detector(info)) {
    throw UserError(quote(file.string()) +
                    " holds no detector: give what convmae detect train wrote");
  }
  try {
    DescribedDetector described{
        detector_config_from_json(json_text(info.task.value("detector", Json()))),
        categories_in(info.task)};
    const DetectorConfig& config = described.config;
    validate(config);
    validate(info.preprocessing, config.encoder.in_chans, config.encoder.img_size);
    if (std::ssize(described.categories) != config.num_classes) {
      throw UserError("it names " + std::to_string(described.categories.size()) +
                      " classes, but tells " + std::to_string(config.num_classes) + " apart");
    }
    return described;
  } catch (const UserError& error) {
    throw UserError(quote(file.string()) + " describes its detector badly: " + error.what());
  }
}

void expect_detector(const WeightFile& file, const CheckpointInfo& info) {
  for_each_parameter(described_detector(file.path(), info).config,
                     HeldTensors(file, "", HeldTensors::Lacking::none));
}

LoadedDetector load_detector(const std::filesystem::path& path, const Compute& compute) {
  const WeightFile file(model_file(path));
  LoadedDetector loaded = is_ours(file) ? load_own(file) : load_published(file);
  loaded.detector->eval();
  place(*loaded.detector, compute);
  return loaded;
}

}  // namespace convmae
