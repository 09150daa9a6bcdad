#pragma once

#include "convmae/coco/dataset.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// Which categories of a dataset a detector's classes are.
struct CategoryMatch {
  /// For each class the id of its category in the dataset; nothing where it has none.
  std::vector<std::optional<std::int64_t>> ids;
  /// What was guessed or is missing on either side, a line each.
  std::vector<std::string> remarks;
};

/// Finds classes among a dataset's categories by their names, whatever ids these have there; names
/// that are the numbers from 0 on, as of weights that name no classes, by their order if as many
/// categories stand opposite. `flag` names the dataset. Throws UserError if not one is found.
CategoryMatch match_categories(const std::vector<coco::Category>& classes,
                               const coco::Dataset& dataset, const std::string& flag);

}  // namespace convmae
