#pragma once

#include "convmae/report/picture.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace convmae {

/// How often what is of one class was taken for another.
struct ConfusionTable {
  std::vector<std::string> classes;
  std::function<std::int64_t(std::int64_t label, std::int64_t predicted)> count;
  std::function<std::int64_t(std::int64_t label)> total;  ///< of a class, whatever it was taken for
};

/// As CSV: a row for each class with what it was taken for.
std::string confusion_csv(const ConfusionTable& table);

/// As a picture: rows are classes, columns what was predicted, dark the share of the row. Cells are
/// enlarged until the picture is about 600 pixels wide.
Picture confusion_picture(const ConfusionTable& table);

}  // namespace convmae
