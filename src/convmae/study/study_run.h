#pragma once

#include "convmae/study/plan.h"
#include "convmae/study/result_lines.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace convmae {

/// What runs a plan, and where.
struct StudyRunOptions {
  std::filesystem::path out;         ///< runs, and what processes print
  std::filesystem::path lines;       ///< a file of lines for each study
  std::int64_t parallel = 1;         ///< processes at a time
  std::vector<std::string> program;  ///< the words before a command: a launcher's, then the program
  std::string cpu;
  std::string commit;
  std::function<void(const std::string&)> tell;
  std::function<void()> refresh;  ///< is called when there are new lines
};

/// Which lines there are already, of all studies of a plan.
class LinesSoFar {
 public:
  LinesSoFar(const std::vector<Study>& studies, const std::filesystem::path& directory);

  /// Whether a use of a task has its line.
  bool has(const TaskUse& use, const std::string& task) const;
  /// The line of any use of a task; null if there is none.
  const ResultLine* of(const std::string& task) const;
  void add(ResultLine line) { lines_.push_back(std::move(line)); }
  const std::vector<ResultLine>& lines() const { return lines_; }

 private:
  std::vector<ResultLine> lines_;
};

/// Which tasks still have to be run: those with a use that has no line, and pretrainings that one
/// of these starts from.
std::vector<bool> open_tasks(const StudyPlan& plan, const LinesSoFar& lines);

/// Runs what is open of a plan. A task that another one, or another study, had run gives its lines
/// at once; one that was begun goes on. A task that fails is told of, and all that do not need it
/// are run. Returns 0 if nothing is open any more, 1 if a task failed, and 128 plus the signal if
/// one asked for an end. Throws UserError if the directories cannot be used or another process
/// uses them.
int run_plan(const StudyPlan& plan, const std::vector<Study>& studies,
             const StudyRunOptions& options);

}  // namespace convmae
