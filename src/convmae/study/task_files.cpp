#include "convmae/study/task_files.h"

#include "convmae/base/error.h"
#include "convmae/base/json_fields.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/io/run_header.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;
using Path = std::filesystem::path;

/// The score of a command's runs in their logs.
struct LoggedScore {
  std::string_view command;
  const char* key;
  double percent;  ///< what makes percent of it
};

constexpr std::array kScores{
    LoggedScore{kPretraining, "knn_top1", 100},   LoggedScore{"linprobe", "test_acc1", 1},
    LoggedScore{"finetune", "test_acc1", 1},      LoggedScore{"detect train", "box_AP", 1},
    LoggedScore{"segment train", "test_miou", 1},
};

const LoggedScore& score_of(const StudyTask& task) {
  return *std::ranges::find(kScores, task.command, &LoggedScore::command);
}

bool is_there(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Json json_in(const Path& path) {
  constexpr FileKind kResult{"a result in JSON", std::int64_t{1} << 24};
  Json json = Json::parse(read_text_file(path, kResult), nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) return json;
  throw UserError(quote(path.string()) +
                  " is no JSON object: remove it, and the study makes it again");
}

/// A number under a path of keys. Throws UserError that names the file.
double number_in(const Json& json, const char* pointer, const Path& path) {
  const Json::json_pointer place{pointer};
  double value = 0;
  if (json.contains(place) && take_json(json.at(place), value)) return value;
  throw UserError("expected a number at " + std::string(pointer) + " in " + quote(path.string()) +
                  ", found none");
}

/// The same of what may be missing.
std::int64_t whole_in(const Json& json, const char* pointer) {
  const Json::json_pointer place{pointer};
  std::int64_t value = 0;
  if (json.contains(place)) take_json(json.at(place), value);
  return value;
}

void read_curve(const StudyTask& task, const Path& log, TaskOutcome& outcome) {
  const LoggedScore& score = score_of(task);
  for_each_line(log, [&](std::string_view line) {
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    double epochs = 0;
    double value = 0;
    if (json.is_object() && json.contains("images")) {
      outcome.images = whole_in(json, "/images");
      outcome.cpu = json.value("cpu", "");
      outcome.commit = json.value("commit", "");
      const bool probed = json.contains("probe") && json["probe"].contains("knn_top1_at_start");
      if (!probed || !take_json(json["probe"]["knn_top1_at_start"], value)) return;
    } else if (!json.is_object() || !json.contains("epochs_done") || !json.contains(score.key) ||
               !take_json(json["epochs_done"], epochs) || !take_json(json[score.key], value)) {
      return;
    }
    outcome.curve_epochs.push_back(epochs);
    outcome.curve_values.push_back(score.percent * value);
  });
}

TaskOutcome outcome_of_run(const StudyTask& task, const Path& run) {
  TaskOutcome outcome;
  read_curve(task, run / kRunLog, outcome);
  const Path path = run / "result.json";
  const Json result = json_in(path);
  outcome.steps = whole_in(result, "/step");
  outcome.epochs = whole_in(result, "/epochs_done");
  if (task.command == kPretraining) {
    outcome.value = number_in(result, "/last/train_loss", path);
  } else if (task.test.empty()) {
    const LoggedScore& score = score_of(task);
    outcome.value =
        score.percent * number_in(result, (std::string("/last/") + score.key).c_str(), path);
  }
  return outcome;
}

/// Flags that evaluation has too.
Json flags_of_machine(const Json& flags) {
  Json common = Json::object();
  for (const char* const name : {"threads", "num_workers", "precision"}) {
    if (flags.contains(name)) common[name] = flags[name];
  }
  return common;
}

std::vector<std::string> words_of_training(const StudyTask& task, const std::string& weights,
                                           const StudyPaths& paths) {
  std::vector<std::string> words = words_of(task.command, task.flags);
  if (!weights.empty()) words.insert(words.end(), {"--init", weights});
  words.insert(words.end(), {"--out", paths.run(task).string(), "--resume", "auto", "--json"});
  return words;
}

std::vector<std::string> words_of_test(const StudyTask& task, const StudyPaths& paths) {
  Json flags = flags_of_machine(task.flags);
  flags["data"] = task.test;
  flags["checkpoint"] = paths.weights(task).string();
  flags["json"] = true;
  return words_of("eval", flags);
}

}  // namespace

bool is_finished_run(const Path& run) {
  const Path path = run / "result.json";
  return is_there(path) && json_in(path).value("status", Json()) == "finished";
}

std::optional<TaskProcess> next_process(const StudyTask& task, const StudyPlan& plan,
                                        const StudyPaths& paths) {
  const std::string weights =
      task.after ? paths.weights(plan.tasks[*task.after]).string() : task.weights;
  if (task.trains() && !is_finished_run(paths.run(task))) {
    return TaskProcess{words_of_training(task, weights, paths), /*judges=*/false};
  }
  const bool needs_judging = !task.trains() || !task.test.empty();
  if (!needs_judging || is_there(paths.printed(task))) return std::nullopt;
  if (task.trains()) return TaskProcess{words_of_test(task, paths), /*judges=*/true};
  Json flags = task.flags;
  flags["checkpoint"] = weights;
  flags["json"] = true;
  return TaskProcess{words_of(task.command, flags), /*judges=*/true};
}

TaskOutcome outcome_of(const StudyTask& task, const StudyPaths& paths) {
  TaskOutcome outcome;
  if (task.trains()) outcome = outcome_of_run(task, paths.run(task));
  constexpr double kPercent = 100;
  const Path printed = paths.printed(task);
  if (!task.trains()) {
    outcome.value = kPercent * number_in(json_in(printed), "/scores/0/top1", printed);
  } else if (!task.test.empty()) {
    outcome.value = kPercent * number_in(json_in(printed), "/top1", printed);
  }
  return outcome;
}

}  // namespace convmae
