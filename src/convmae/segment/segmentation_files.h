#pragma once

#include "convmae/metrics/segmentation_metrics.h"
#include "convmae/report/report.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// A share as a percentage with two decimals, or what stands for none.
std::string share_text(std::optional<double> share);

/// Everything that an evaluation found, but for the confusions, as shares of 1; null for a class
/// that is neither in the labels nor predicted.
nlohmann::ordered_json evaluation_json(const SegmentationMetrics& metrics,
                                       const std::vector<std::string>& classes);

/// What holds for each class, as a table for a report.
Table class_table(const SegmentationMetrics& metrics, const std::vector<std::string>& classes);

/// The same as CSV, shares of 1, empty where there is none.
std::string class_csv(const SegmentationMetrics& metrics, const std::vector<std::string>& classes);

/// Throws UserError if `write_evaluation` would replace in that directory what it did not write, or
/// could not write there.
void require_segmentation_directory(const std::filesystem::path& directory);

/// Writes `metrics.json`, `classes.csv`, `confusion.csv`, `confusion.png` and `report.html` into a
/// directory, which is made if need be. Throws UserError if they cannot be written.
void write_evaluation(const std::filesystem::path& directory, const SegmentationMetrics& metrics,
                      const std::vector<std::string>& classes, const ReportData& report);

}  // namespace convmae
