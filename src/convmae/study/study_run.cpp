#include "convmae/study/study_run.h"

#include "convmae/base/error.h"
#include "convmae/base/file_descriptor.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/io/directories.h"
#include "convmae/io/jsonl.h"
#include "convmae/report/format.h"
#include "convmae/study/child_processes.h"
#include "convmae/study/task_files.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>
#include <sys/file.h>
#include <system_error>
#include <utility>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

enum class State { open, running, finished, failed };

bool same(const TaskUse& one, const TaskUse& other) {
  return one.study == other.study && one.arm == other.arm && one.evaluation == other.evaluation &&
         one.seed == other.seed && one.draw == other.draw;
}

std::string name_of(const StudyTask& task) {
  const TaskUse& use = task.uses.front();
  std::string name =
      use.study + ": " + use.arm + ", " + use.evaluation + ", seed " + std::to_string(use.seed);
  if (use.draw > 0) name += ", draw " + std::to_string(use.draw);
  return name;
}

/// Holds a directory for this process alone.
FileDescriptor locked(const std::filesystem::path& path) {
  FileDescriptor file = open_for_appending(path);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    throw UserError("another study is running in " + quote(path.parent_path().string()) +
                    ": wait until it ends, or give another --out");
  }
  return file;
}

class PlanRun {
 public:
  PlanRun(const StudyPlan& plan, const std::vector<Study>& studies, const StudyRunOptions& options)
      : plan_(plan),
        options_(options),
        paths_{options.out},
        lines_(studies, options.lines),
        states_(plan.tasks.size(), State::finished) {
    make_directory(paths_.runs());
    make_directory(paths_.output());
    make_directory(options.lines);
    lock_ = locked(paths_.lock());
  }

  int run() {
    hand_out_lines();
    const std::vector<bool> open = open_tasks(plan_, lines_);
    open_ = static_cast<std::size_t>(std::ranges::count(open, true));
    total_ = open_;
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (open[i]) states_[i] = State::open;
    }
    while (true) {
      while (std::ssize(running_) < options_.parallel && start_next()) {
      }
      if (processes_.running() == 0) break;
      processes_.wait();
    }
    if (processes_.asked_to_end() != 0) return kSignalCode + processes_.asked_to_end();
    return open_ == 0 ? 0 : 1;
  }

 private:
  static constexpr int kSignalCode = 128;

  /// Of tasks that another study has run.
  void hand_out_lines() {
    for (const StudyTask& task : plan_.tasks) {
      if (const ResultLine* const found = lines_.of(task.key)) add_lines(task, ResultLine(*found));
    }
  }

  /// A line for each use that has none.
  void add_lines(const StudyTask& task, ResultLine line) {
    line.task = task.key;
    for (const TaskUse& use : task.uses) {
      if (lines_.has(use, task.key)) continue;
      line.use = use;
      JsonlWriter writer(lines_file(options_.lines, use.study));
      writer.append(to_json(line));
      writer.sync();
      lines_.add(line);
    }
  }

  /// Whether a process was started.
  bool start_next() {
    if (processes_.asked_to_end() != 0) return false;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      if (states_[i] == State::open && is_ready(i) && start(i)) return true;
    }
    return false;
  }

  bool is_ready(std::size_t i) {
    const std::optional<std::size_t> before = plan_.tasks[i].after;
    if (!before) return true;
    if (states_[*before] == State::failed) {
      states_[i] = State::failed;
      return false;
    }
    return states_[*before] == State::finished;
  }

  /// The task's next process; false if it has none left and is finished.
  bool start(std::size_t i) {
    const StudyTask& task = plan_.tasks[i];
    const std::optional<TaskProcess> next = next_process(task, plan_, paths_);
    if (!next) {
      finish(i);
      return false;
    }
    ChildCommand command{options_.program, part(task), paths_.told(task)};
    command.words.insert(command.words.end(), next->words.begin(), next->words.end());
    processes_.start(
        command, [this, i, judges = next->judges](const ChildEnd& end) { ended(i, judges, end); });
    states_[i] = State::running;
    running_.push_back(i);
    return true;
  }

  std::filesystem::path part(const StudyTask& task) const {
    return paths_.output() / (task.key + ".part");
  }

  void ended(std::size_t i, bool judges, const ChildEnd& end) {
    const StudyTask& task = plan_.tasks[i];
    std::erase(running_, i);
    states_[i] = State::open;
    JsonlWriter(paths_.processes())
        .append({{"task", task.key}, {"code", end.code}, {"cpu_seconds", end.cpu_seconds}});
    if (end.code == 0) {
      if (judges) std::filesystem::rename(part(task), paths_.printed(task));
      if (!next_process(task, plan_, paths_)) finish(i);
      return;
    }
    if (processes_.asked_to_end() != 0) return;
    states_[i] = State::failed;
    options_.tell(name_of(task) + ": failed with code " + std::to_string(end.code) + "; see " +
                  quote(paths_.told(task).string()));
  }

  void finish(std::size_t i) {
    const StudyTask& task = plan_.tasks[i];
    states_[i] = State::finished;
    --open_;
    ResultLine line;
    line.outcome = outcome_of(task, paths_);
    line.outcome.cpu_seconds = cpu_seconds_of(task.key);
    // What trains says it itself: it may be of an earlier program.
    if (line.outcome.cpu.empty()) line.outcome.cpu = options_.cpu;
    if (line.outcome.commit.empty()) line.outcome.commit = options_.commit;
    line.command = typed_text(words_of(task.command, task.flags));
    const double value = line.outcome.value;
    add_lines(task, std::move(line));
    std::string text("[");
    text.append(std::to_string(total_ - open_)).append("/").append(std::to_string(total_));
    text.append("] ").append(name_of(task)).append(": ").append(format_number(value));
    options_.tell(text);
    options_.refresh();
  }

  /// Of all processes that a task has had.
  double cpu_seconds_of(const std::string& key) const {
    double sum = 0;
    for_each_line(paths_.processes(), [&](std::string_view line) {
      const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (json.is_object() && json.value("task", Json()) == key)
        sum += json.value("cpu_seconds", 0.0);
    });
    return sum;
  }

  const StudyPlan& plan_;
  const StudyRunOptions& options_;
  StudyPaths paths_;
  FileDescriptor lock_;
  LinesSoFar lines_;
  std::vector<State> states_;
  std::vector<std::size_t> running_;
  std::size_t open_ = 0;
  std::size_t total_ = 0;
  ChildProcesses processes_;
};

}  // namespace

LinesSoFar::LinesSoFar(const std::vector<Study>& studies, const std::filesystem::path& directory) {
  for (const Study& study : studies) {
    std::vector<ResultLine> lines = read_result_lines(directory, study.name);
    std::ranges::move(lines, std::back_inserter(lines_));
  }
}

bool LinesSoFar::has(const TaskUse& use, const std::string& task) const {
  return std::ranges::any_of(
      lines_, [&](const ResultLine& line) { return line.task == task && same(line.use, use); });
}

const ResultLine* LinesSoFar::of(const std::string& task) const {
  const auto found = std::ranges::find(lines_, task, &ResultLine::task);
  return found == lines_.end() ? nullptr : &*found;
}

std::vector<bool> open_tasks(const StudyPlan& plan, const LinesSoFar& lines) {
  std::vector<bool> open(plan.tasks.size());
  for (std::size_t i = 0; i < plan.tasks.size(); ++i) {
    const StudyTask& task = plan.tasks[i];
    open[i] = std::ranges::any_of(task.uses,
                                  [&](const TaskUse& use) { return !lines.has(use, task.key); });
    if (open[i] && task.after) open[*task.after] = true;
  }
  return open;
}

int run_plan(const StudyPlan& plan, const std::vector<Study>& studies,
             const StudyRunOptions& options) {
  return PlanRun(plan, studies, options).run();
}

}  // namespace convmae
