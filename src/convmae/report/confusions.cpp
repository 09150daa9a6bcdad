#include "convmae/report/confusions.h"

#include "convmae/io/csv.h"

#include <algorithm>
#include <cmath>

namespace convmae {
namespace {

/// White for 0, dark blue for 1. The root lets rare confusions show.
Colour shade(double share) {
  const double depth = std::sqrt(share);
  const auto mix = [depth](double dark) {
    return static_cast<std::uint8_t>(std::lround(255 + (dark - 255) * depth));
  };
  return {mix(8), mix(48), mix(107)};
}

}  // namespace

std::string confusion_csv(const ConfusionTable& table) {
  std::string text = "class";
  for (const std::string& name : table.classes) {
    text += ',';
    text += csv_field(name);
  }
  text += '\n';
  const std::int64_t classes = std::ssize(table.classes);
  for (std::int64_t label = 0; label < classes; ++label) {
    text += csv_field(table.classes[static_cast<std::size_t>(label)]);
    for (std::int64_t predicted = 0; predicted < classes; ++predicted) {
      text += ',';
      text += std::to_string(table.count(label, predicted));
    }
    text += '\n';
  }
  return text;
}

Picture confusion_picture(const ConfusionTable& table) {
  constexpr std::int64_t kWidth = 600;
  const std::int64_t classes = std::max<std::int64_t>(1, std::ssize(table.classes));
  Picture picture(classes, classes, {255, 255, 255});
  for (std::int64_t label = 0; label < classes; ++label) {
    const auto total = static_cast<double>(std::max<std::int64_t>(1, table.total(label)));
    for (std::int64_t predicted = 0; predicted < classes; ++predicted) {
      const auto count = static_cast<double>(table.count(label, predicted));
      picture.set(label, predicted, shade(count / total));
    }
  }
  return enlarge(picture, std::max<std::int64_t>(1, kWidth / classes));
}

}  // namespace convmae
