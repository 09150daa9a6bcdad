#include "convmae/train/weights/preprocessing.h"

#include "convmae/data/transforms.h"

#include <string>

namespace convmae {
namespace {

/// From float by way of its shortest decimal form, so that 0.485 stays 0.485.
std::vector<double> widen(const std::vector<float>& values) {
  std::vector<double> result;
  for (const float value : values) result.push_back(std::stod(std::to_string(value)));
  return result;
}

}  // namespace

Preprocessing default_preprocessing(std::int64_t channels, Size size) {
  const Normalisation defaults = Normalisation::defaults(channels);
  return {widen(defaults.mean), widen(defaults.std), size};
}

nlohmann::ordered_json to_json(const Preprocessing& preprocessing) {
  return {{"mean", preprocessing.mean},
          {"std", preprocessing.std},
          {"size", {preprocessing.size.height, preprocessing.size.width}}};
}

Preprocessing preprocessing_from_json(const nlohmann::ordered_json& json) {
  const auto& size = json.at("size");
  return {json.at("mean").get<std::vector<double>>(),
          json.at("std").get<std::vector<double>>(),
          {size.at(0).get<std::int64_t>(), size.at(1).get<std::int64_t>()}};
}

}  // namespace convmae
