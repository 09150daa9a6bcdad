#include "convmae/train/preprocessing.h"

namespace convmae {

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
