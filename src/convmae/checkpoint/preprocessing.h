#pragma once

#include "convmae/base/geometry.h"

#include <nlohmann/json.hpp>

#include <vector>

namespace convmae {

/// How pixels became the model's input: (value / 255 - mean) / std per channel (for images of 16
/// bits or floats the reader has mapped values to the same range). Whoever uses the weights later
/// must do the same, so it travels with them.
struct Preprocessing {
  std::vector<double> mean;
  std::vector<double> std;
  Size size;

  bool operator==(const Preprocessing&) const = default;
};

/// ImageNet's mean and standard deviation for three channels, 0.5 for any other number.
Preprocessing default_preprocessing(std::int64_t channels, Size size);

/// Throws UserError unless this makes input of that size and number of channels.
void validate(const Preprocessing& preprocessing, std::int64_t channels, Size size);

nlohmann::ordered_json to_json(const Preprocessing& preprocessing);
/// Throws UserError or nlohmann::json::exception if something is missing or of another type.
Preprocessing preprocessing_from_json(const nlohmann::ordered_json& json);

}  // namespace convmae
