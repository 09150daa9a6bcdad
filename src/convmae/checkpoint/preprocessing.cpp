#include "convmae/checkpoint/preprocessing.h"

#include "convmae/base/error.h"
#include "convmae/base/json_number.h"
#include "convmae/data/transforms.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

namespace convmae {
namespace {

/// From float by way of its shortest decimal form, so that 0.485 stays 0.485.
std::vector<double> widen(const std::vector<float>& values) {
  std::vector<double> result;
  result.reserve(values.size());
  for (const float value : values) result.push_back(std::stod(std::to_string(value)));
  return result;
}

/// As the float that it becomes.
bool is_finite(double value) { return std::isfinite(static_cast<float>(value)); }

}  // namespace

void validate(const Preprocessing& preprocessing, std::int64_t channels, Size size) {
  const auto& [mean, std, input] = preprocessing;
  if (!(input == size)) {
    throw UserError("its images are of " + size_text(input) + " pixels, but its model takes " +
                    size_text(size));
  }
  if (std::ssize(mean) != channels || std::ssize(std) != channels) {
    throw UserError("it has " + std::to_string(mean.size()) + " means and " +
                    std::to_string(std.size()) + " deviations for the " + std::to_string(channels) +
                    " channels of its model");
  }
  const auto above_0 = [](double value) {
    return is_finite(value) && static_cast<float>(value) > 0;
  };
  if (!std::ranges::all_of(mean, is_finite) || !std::ranges::all_of(std, above_0)) {
    throw UserError("its means and deviations are no numbers to normalise images by");
  }
}

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
  const std::optional<std::int64_t> height = whole_number(size.at(0));
  const std::optional<std::int64_t> width = whole_number(size.at(1));
  if (!height || !width) throw UserError("the size of its images is not two whole numbers");
  return {json.at("mean").get<std::vector<double>>(),
          json.at("std").get<std::vector<double>>(),
          {*height, *width}};
}

}  // namespace convmae
