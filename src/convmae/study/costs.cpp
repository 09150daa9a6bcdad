#include "convmae/study/costs.h"

#include "convmae/base/json_fields.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/io/directories.h"
#include "convmae/io/jsonl.h"
#include "convmae/io/run_header.h"
#include "convmae/io/sha256.h"
#include "convmae/study/child_processes.h"
#include "convmae/study/statistics.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <string_view>
#include <utility>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kRounds = 3;
// The cost of a step is the difference of two runs: what starting takes is in both.
constexpr std::int64_t kFewSteps = 4;
constexpr std::int64_t kManySteps = 16;

constexpr std::array kLength{"epochs",      "steps",     "warmup_epochs", "warmup_steps",
                             "lr",          "min_lr",    "weight_decay",  "seed",
                             "probe_every", "probe_data"};

/// The flags that decide what a step costs.
Json flags_of_step(const StudyTask& task) {
  Json flags = Json::object();
  for (const auto& [name, value] : task.flags.items()) {
    if (std::ranges::find(kLength, name) == kLength.end()) flags[name] = value;
  }
  return flags;
}

class CostMeasurement {
 public:
  CostMeasurement(const StudyPlan& plan, const StudyRunOptions& options)
      : options_(options), directory_(options.out / "costs") {
    make_directory(directory_);
    make_directory(options.lines);
    std::map<std::string, std::int64_t> rounds;
    for (const CostLine& line : read_cost_lines(options.lines)) {
      if (line.cpu == options.cpu) ++rounds[line.setting];
    }
    for (const StudyTask& task : plan.tasks) {
      if (task.command != kPretraining) continue;
      const std::string setting = cost_setting(task);
      if (rounds[setting] < kRounds) tasks_.try_emplace(setting, &task);
    }
  }

  int run() {
    for (std::int64_t round = 0; round < kRounds; ++round) {
      for (auto task = tasks_.begin(); task != tasks_.end();) {
        const bool measured = measure(task->first, *task->second, round);
        if (processes_.asked_to_end() != 0) return kSignalCode + processes_.asked_to_end();
        task = measured ? std::next(task) : tasks_.erase(task);
      }
    }
    return 0;
  }

 private:
  static constexpr int kSignalCode = 128;

  /// CPU seconds of a run of so many steps; nothing if it fails.
  std::optional<double> seconds_of(const Json& flags, std::int64_t steps,
                                   const std::filesystem::path& run) {
    Json all = flags;
    all.update({{"steps", steps},
                {"warmup_steps", 1},
                {"probe_every", 0},
                {"panel_images", 0},
                {"save_every_epochs", 0},
                {"out", run.string()},
                {"overwrite", true}});
    ChildCommand command{options_.program, directory_ / "printed", directory_ / "told"};
    const std::vector<std::string> words = words_of(kPretraining, all);
    command.words.insert(command.words.end(), words.begin(), words.end());
    std::optional<ChildEnd> found;
    processes_.start(command, [&found](const ChildEnd& end) { found = end; });
    while (!found) processes_.wait();
    return found->code == 0 ? std::optional(found->cpu_seconds) : std::nullopt;
  }

  bool measure(const std::string& setting, const StudyTask& task, std::int64_t round) {
    const Json flags = flags_of_step(task);
    const std::filesystem::path run = directory_ / setting;
    const std::optional<double> few = seconds_of(flags, kFewSteps, run);
    const std::optional<double> many = few ? seconds_of(flags, kManySteps, run) : std::nullopt;
    if (!many) {
      if (processes_.asked_to_end() == 0) {
        options_.tell("the cost of " + task.uses.front().study + ": " + task.uses.front().arm +
                      " cannot be measured; see " + quote((directory_ / "told").string()));
      }
      return false;
    }
    CostLine line;
    line.setting = setting;
    line.round = round;
    line.seconds_per_step = (*many - *few) / (kManySteps - kFewSteps);
    line.cpu = options_.cpu;
    line.commit = options_.commit;
    line.command = typed_text(words_of(kPretraining, flags));
    read_header(run, line);
    JsonlWriter(costs_file(options_.lines)).append(to_json(line));
    return true;
  }

  static void read_header(const std::filesystem::path& run, CostLine& line) {
    for_each_line(run / kRunLog, [&line](std::string_view text) {
      const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
      if (!json.is_object() || !json.contains("steps_per_epoch")) return;
      take_json(json["images_per_step"], line.images_per_step);
      take_json(json["steps_per_epoch"], line.steps_per_epoch);
    });
  }

  const StudyRunOptions& options_;
  std::filesystem::path directory_;
  std::map<std::string, const StudyTask*> tasks_;
  ChildProcesses processes_;
};

/// A number among a task's flags, or in its configuration.
std::optional<double> flag_of(const StudyTask& task, const char* name) {
  double value = 0;
  if (task.flags.contains(name)) {
    return take_json(task.flags[name], value) ? std::optional(value) : std::nullopt;
  }
  if (!task.flags.contains("config")) return std::nullopt;
  const Json config = read_toml(word_of(task.flags["config"]));
  return config.contains(name) && take_json(config[name], value) ? std::optional(value)
                                                                 : std::nullopt;
}

}  // namespace

std::string cost_setting(const StudyTask& task) {
  constexpr std::size_t kDigits = 12;
  nlohmann::json sorted = nlohmann::json::object();
  const Json flags = flags_of_step(task);
  for (const auto& [name, value] : flags.items()) sorted[name] = value;
  const std::string text = task.command + json_text(sorted);
  return sha256(std::as_bytes(std::span(text))).substr(0, kDigits);
}

int measure_costs(const StudyPlan& plan, const StudyRunOptions& options) {
  return CostMeasurement(plan, options).run();
}

std::optional<double> estimated_cpu_seconds(const StudyTask& task, const StudyPlan& plan,
                                            const std::vector<ResultLine>& lines,
                                            const std::vector<CostLine>& costs) {
  std::set<std::string> alike;
  for (const StudyTask& other : plan.tasks) {
    if (other.setting == task.setting) alike.insert(other.key);
  }
  std::vector<double> seconds;
  for (const ResultLine& line : lines) {
    if (alike.contains(line.task)) seconds.push_back(line.outcome.cpu_seconds);
  }
  if (!seconds.empty()) return mean_of(seconds);
  if (task.command != kPretraining) return std::nullopt;
  const std::string setting = cost_setting(task);
  const auto cost = std::ranges::find(costs, setting, &CostLine::setting);
  if (cost == costs.end()) return std::nullopt;
  if (const auto steps = flag_of(task, "steps")) return *steps * cost->seconds_per_step;
  const auto epochs = flag_of(task, "epochs");
  if (!epochs) return std::nullopt;
  return *epochs * static_cast<double>(cost->steps_per_epoch) * cost->seconds_per_step;
}

}  // namespace convmae
