#include "convmae/segment/segmentor_checkpoint.h"

#include "convmae/base/error.h"
#include "convmae/base/json_number.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/head_classes.h"
#include "convmae/checkpoint/held_tensors.h"
#include "convmae/model/encoder/layers.h"
#include "convmae/segment/published_segmentor.h"
#include "convmae/segment/segmentor_shapes.h"
#include "convmae/segment/sliding_window.h"
#include "convmae/train/finite.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace convmae {
namespace {

constexpr const char* kSegmentation = "segmentation";

/// Two whole numbers of a description.
std::pair<std::int64_t, std::int64_t> two_numbers(const nlohmann::ordered_json& task,
                                                  const char* key) {
  const nlohmann::ordered_json pair = task.value(key, nlohmann::ordered_json());
  if (pair.is_array() && pair.size() == 2) {
    const std::optional<std::int64_t> first = whole_number(pair[0]);
    const std::optional<std::int64_t> second = whole_number(pair[1]);
    if (first && second && *first >= 1 && *second >= 1) return {*first, *second};
  }
  throw UserError(std::string("its ") + key + " is not two whole numbers");
}

TestSizes test_sizes_in(const nlohmann::ordered_json& task) {
  TestSizes test;
  std::tie(test.bounds.longest, test.bounds.shortest) = two_numbers(task, "bounds");
  std::tie(test.stride.height, test.stride.width) = two_numbers(task, "stride");
  return test;
}

/// Of a file that names no classes.
LabelScheme numbered_scheme(std::int64_t classes) {
  constexpr std::int64_t kAde20k = 150;
  const bool from_one = classes == kAde20k;
  std::vector<LabelScheme::Class> own;
  own.reserve(static_cast<std::size_t>(classes));
  for (const std::string& number : class_numbers(classes)) {
    own.push_back({number, {static_cast<std::int32_t>(std::ssize(own) + (from_one ? 1 : 0))}});
  }
  std::vector<std::int32_t> ignored;
  if (from_one) {
    ignored = {0};
  } else if (classes <= 255) {
    ignored = {255};
  }
  return {std::move(own), std::move(ignored)};
}

LoadedSegmentor load_own_segmentor(const WeightFile& weights) {
  const CheckpointFile file(weights.path());
  DescribedSegmentor described = described_segmentor(file.path(), file.info());
  for_each_parameter(described.config, HeldTensors(weights, "", HeldTensors::Lacking::none));
  LoadedSegmentor loaded;
  loaded.segmentor = std::make_shared<Segmentor>(described.config);
  for (const auto& [name, tensor] : named_tensors(*loaded.segmentor)) file.read(name, tensor);
  loaded.scheme = std::make_shared<LabelScheme>(std::move(described.scheme));
  loaded.preprocessing = file.info().preprocessing;
  loaded.test = described.test;
  return loaded;
}

LoadedSegmentor load_foreign_segmentor(const std::filesystem::path& path) {
  LoadedSegmentor loaded;
  loaded.segmentor = load_published_segmentor(path);
  const SegmentorConfig& config = loaded.segmentor->config();
  loaded.preprocessing = default_preprocessing(config.encoder.in_chans, config.encoder.img_size);
  loaded.scheme = std::make_shared<LabelScheme>(numbered_scheme(config.num_classes));
  loaded.named = false;
  loaded.test.stride = default_stride(config.encoder.img_size);
  return loaded;
}

}  // namespace

Size default_stride(Size crop) {
  const auto of = [](std::int64_t side) { return std::max<std::int64_t>(side * 2 / 3, 1); };
  return {of(crop.height), of(crop.width)};
}

nlohmann::ordered_json task_of(const SegmentorConfig& config, const LabelScheme& scheme,
                               const TestSizes& test) {
  nlohmann::ordered_json task{{"kind", kSegmentation},
                              {"segmentor", nlohmann::ordered_json::parse(to_json(config))},
                              {"labels", nlohmann::ordered_json::parse(to_json(scheme))},
                              {"classes", nlohmann::ordered_json::array()},
                              {"bounds", {test.bounds.longest, test.bounds.shortest}},
                              {"stride", {test.stride.height, test.stride.width}}};
  for (const std::string& name : scheme.names()) task["classes"].push_back(as_utf8(name));
  return task;
}

bool describes_segmentor(const CheckpointInfo& info) {
  return info.task.is_object() &&
         info.task.value("kind", nlohmann::ordered_json()) == kSegmentation;
}

DescribedSegmentor described_segmentor(const std::filesystem::path& file,
                                       const CheckpointInfo& info) {
  if (!describes_segmentor(info)) {
    throw UserError(quote(file.string()) +
                    " holds no segmentor: give what convmae segment train wrote");
  }
  const auto part = [&](const char* key) {
    return json_text(info.task.value(key, nlohmann::ordered_json()));
  };
  try {
    DescribedSegmentor described{segmentor_config_from_json(part("segmentor")),
                                 label_scheme_from_json(part("labels")), test_sizes_in(info.task)};
    const SegmentorConfig& config = described.config;
    validate(config);
    validate(info.preprocessing, config.encoder.in_chans, config.encoder.img_size);
    validate(Viewing{config.encoder.img_size, described.test.stride, false}, config);
    if (described.scheme.num_classes() != config.num_classes) {
      throw UserError("it names " + std::to_string(described.scheme.num_classes()) +
                      " classes, but tells " + std::to_string(config.num_classes) + " apart");
    }
    return described;
  } catch (const UserError& error) {
    throw UserError(quote(file.string()) + " describes its segmentor badly: " + error.what());
  }
}

void expect_segmentor(const WeightFile& file, const CheckpointInfo& info) {
  for_each_parameter(described_segmentor(file.path(), info).config,
                     HeldTensors(file, "", HeldTensors::Lacking::none));
}

LoadedSegmentor load_segmentor(const std::filesystem::path& path, const Compute& compute) {
  const bool is_ours = [&] {
    const WeightFile file(path);
    return file.safetensors() != nullptr && checkpoint_kind(*file.safetensors()).has_value();
  }();
  LoadedSegmentor loaded =
      is_ours ? load_own_segmentor(WeightFile(path)) : load_foreign_segmentor(path);
  require_finite_weights(*loaded.segmentor, path);
  loaded.segmentor->eval();
  hold_weights_as(*loaded.segmentor, compute.type);
  place(*loaded.segmentor, compute);
  return loaded;
}

}  // namespace convmae
