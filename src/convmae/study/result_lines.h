#pragma once

#include "convmae/study/plan.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// What a task found, and what it took.
struct TaskOutcome {
  double value = 0;         ///< percent; of a pretraining its last loss
  double cpu_seconds = 0;   ///< of all its processes
  std::int64_t images = 0;  ///< that it was trained on, or that vote
  std::int64_t epochs = 0;  ///< of training; 0: none
  std::int64_t steps = 0;
  /// A score on held-out images by epochs of training.
  std::vector<double> curve_epochs;
  std::vector<double> curve_values;
  std::string cpu;     ///< what computed it
  std::string commit;  ///< of the program that did
};

/// A line of a study's results: all that its tables are made of.
struct ResultLine {
  TaskUse use;
  std::string task;  ///< its key
  TaskOutcome outcome;
  std::string command;  ///< of the task, without the names of its directories
};

nlohmann::ordered_json to_json(const ResultLine& line);
/// Throws UserError for JSON that is no such line; `place` says where it stands.
ResultLine result_line_from(const nlohmann::ordered_json& json, const std::string& place);

/// Where a study's lines are.
std::filesystem::path lines_file(const std::filesystem::path& directory, const std::string& study);

/// The lines of a study, in the order in which they came; none if there is no file yet. A line that
/// a crash cut short is passed over. Throws UserError for another line that is none of a study.
std::vector<ResultLine> read_result_lines(const std::filesystem::path& directory,
                                          const std::string& study);

/// The CPU seconds of an optimizer step of some settings (StudyTask::setting), measured in turn
/// with the others of its round.
struct CostLine {
  std::string setting;
  std::int64_t round = 0;
  double seconds_per_step = 0;
  std::int64_t images_per_step = 0;
  std::int64_t steps_per_epoch = 0;
  std::string cpu;
  std::string commit;
  std::string command;
};

std::filesystem::path costs_file(const std::filesystem::path& directory);
nlohmann::ordered_json to_json(const CostLine& line);
std::vector<CostLine> read_cost_lines(const std::filesystem::path& directory);

}  // namespace convmae
