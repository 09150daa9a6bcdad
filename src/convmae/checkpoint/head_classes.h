#pragma once

#include "convmae/io/weights.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// The names of a classifier's classes in what a file of this program says of it
/// (CheckpointInfo::task); nothing if they are no list of names.
std::optional<std::vector<std::string>> class_names_in(const nlohmann::ordered_json& task);

/// What stands for the names of classes that have none.
std::vector<std::string> class_numbers(std::int64_t count);

/// Where a file's head has certain classes.
struct HeadRows {
  /// The row of each class; nothing if the head is for other classes.
  std::optional<std::vector<std::int64_t>> rows;
  std::string note;  ///< what was guessed, or which classes the head is for
};

/// Looks for classes in the head of as many that `file` has, by name; without names in the file, or
/// with numbers in their place, their order is taken for that of the rows.
HeadRows head_rows(const WeightFile& file, const std::vector<std::string>& classes);

}  // namespace convmae
