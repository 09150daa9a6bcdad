#pragma once

#include "convmae/study/plan.h"
#include "convmae/study/result_lines.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// Where the tasks of a plan leave what they make.
struct StudyPaths {
  std::filesystem::path root;

  std::filesystem::path lock() const { return root / ".lock"; }
  std::filesystem::path runs() const { return root / "runs"; }
  /// The directory of a task that trains.
  std::filesystem::path run(const StudyTask& task) const { return runs() / task.key; }
  std::filesystem::path weights(const StudyTask& task) const {
    return run(task) / "weights.safetensors";
  }
  std::filesystem::path output() const { return root / "output"; }
  /// What its last process printed, when it has ended well.
  std::filesystem::path printed(const StudyTask& task) const {
    return output() / (task.key + ".json");
  }
  /// What its processes told.
  std::filesystem::path told(const StudyTask& task) const { return output() / (task.key + ".log"); }
  /// One line for each process that has ended.
  std::filesystem::path processes() const { return root / "processes.jsonl"; }
};

/// A process that a task needs.
struct TaskProcess {
  std::vector<std::string> words;  ///< behind the program's name
  bool judges = false;             ///< what it prints is the task's result
};

/// The next one; nothing if the task is finished. What a task has done is known from its files
/// alone. `plan` is the one it is of.
std::optional<TaskProcess> next_process(const StudyTask& task, const StudyPlan& plan,
                                        const StudyPaths& paths);

/// Whether the directory holds a finished run.
bool is_finished_run(const std::filesystem::path& run);

/// Of a finished task. `cpu_seconds` is left at zero. Throws UserError that names the file which
/// does not have what is expected.
TaskOutcome outcome_of(const StudyTask& task, const StudyPaths& paths);

}  // namespace convmae
