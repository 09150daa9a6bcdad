#pragma once

#include "convmae/metrics/classification_metrics.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace convmae {

/// Everything that an evaluation found, but for the confusions: top-1, top-5, loss, calibration and
/// what holds for each class, as shares of 1.
nlohmann::ordered_json evaluation_json(const ClassificationMetrics& metrics,
                                       const std::vector<std::string>& classes);

/// Whether confusions of so many classes are worth their tables, which grow with the square.
bool counts_confusions(std::int64_t classes);

/// Throws UserError if `write_evaluation` would replace in that directory what it did not write, or
/// could not write there.
void require_evaluation_directory(const std::filesystem::path& directory);

/// Writes `eval.json` and, if confusions were counted, `confusion.csv` and `confusion.png` into a
/// directory, which is made if need be; older ones are deleted if not. Throws UserError if they
/// cannot be written.
void write_evaluation(const std::filesystem::path& directory, const ClassificationMetrics& metrics,
                      const std::vector<std::string>& classes);

/// Whether the classifier does no better than a blind guess, beyond what luck explains.
bool at_chance(const ClassificationMetrics& metrics);

}  // namespace convmae
