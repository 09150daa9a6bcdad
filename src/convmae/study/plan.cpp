#include "convmae/study/plan.h"

#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/io/sha256.h"

#include <algorithm>
#include <map>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

std::string replaced(std::string text, std::string_view mark, std::int64_t number) {
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
    text.replace(at, mark.size(), std::to_string(number));
  }
  return text;
}

/// `text` with the numbers that `{seed}` and `{draw}` stand for.
std::string placed(const std::string& text, std::int64_t seed, std::int64_t draw) {
  return replaced(replaced(text, "{seed}", seed), "{draw}", draw);
}

Json placed(Json flags, std::int64_t seed, std::int64_t draw) {
  for (Json& value : flags) {
    if (value.is_string()) value = placed(value.get<std::string>(), seed, draw);
  }
  return flags;
}

Json with(Json flags, const Json& over) {
  flags.update(over);
  return flags;
}

class Planner {
 public:
  explicit Planner(const std::vector<Study>& studies) : studies_(studies) {}

  StudyPlan plan() {
    std::size_t most_seeds = 0;
    for (const Study& study : studies_) most_seeds = std::max(most_seeds, study.seeds.size());
    for (std::size_t turn = 0; turn < most_seeds; ++turn) {
      for (const Study& study : studies_) {
        if (turn < study.seeds.size()) add_seed(study, study.seeds[turn]);
      }
    }
    return std::move(plan_);
  }

 private:
  void add_seed(const Study& study, std::int64_t seed) {
    for (const StudyArm& arm : study.arms) {
      std::optional<std::size_t> pretraining;
      if (arm.pretrained) {
        StudyTask task;
        task.command = kPretraining;
        task.flags = with(study.pretrain, arm.pretrain);
        pretraining = add(std::move(task), {study.name, arm.name, kPretraining, seed, 0});
      }
      for (const std::string& name : arm.evaluations)
        add_draws(study, arm, name, seed, pretraining);
    }
  }

  void add_draws(const Study& study, const StudyArm& arm, const std::string& name,
                 std::int64_t seed, std::optional<std::size_t> pretraining) {
    const StudyEvaluation& evaluation = study.evaluation(name);
    const auto own = arm.evaluation_flags.find(name);
    for (std::int64_t draw = 0; draw < evaluation.draws; ++draw) {
      StudyTask task;
      task.command = evaluation.command;
      task.flags = own == arm.evaluation_flags.end() ? evaluation.flags
                                                     : with(evaluation.flags, own->second);
      task.test = evaluation.test;
      task.weights = arm.weights;
      task.after = pretraining;
      add(std::move(task), {study.name, arm.name, name, seed, draw});
    }
  }

  /// The number of the task, which may be there already.
  std::size_t add(StudyTask task, const TaskUse& use) {
    task.setting = digest(task, task.after ? &plan_.tasks[*task.after].setting : nullptr);
    task.flags = placed(std::move(task.flags), use.seed, use.draw);
    task.test = placed(task.test, use.seed, use.draw);
    if (task.trains()) task.flags["seed"] = use.seed;
    task.key = digest(task, task.after ? &plan_.tasks[*task.after].key : nullptr);
    const auto [found, is_new] = numbers_.emplace(task.key, plan_.tasks.size());
    if (is_new) plan_.tasks.push_back(std::move(task));
    plan_.tasks[found->second].uses.push_back(use);
    return found->second;
  }

  /// Of what decides the task; `before`: the digest of its pretraining.
  std::string digest(const StudyTask& task, const std::string* before) {
    constexpr std::size_t kDigits = 12;
    // Flags in the order of the alphabet: files may list them in any.
    nlohmann::json flags = nlohmann::json::object();
    for (const auto& [name, value] : task.flags.items()) flags[name] = value;
    if (task.flags.contains("config")) {
      flags["config"] = configuration(word_of(task.flags["config"]));
    }
    const Json whole{{"command", task.command},
                     {"flags", flags},
                     {"test", task.test},
                     {"weights", task.weights},
                     {"before", before == nullptr ? "" : *before}};
    const std::string text = json_text(whole);
    return sha256(std::as_bytes(std::span(text))).substr(0, kDigits);
  }

  /// A file's flags without its comments, in the order of the alphabet.
  const nlohmann::json& configuration(const std::string& path) {
    auto found = configurations_.find(path);
    if (found == configurations_.end()) {
      nlohmann::json flags = nlohmann::json::object();
      const Json file = read_toml(path);
      for (const auto& [name, value] : file.items()) flags[name] = value;
      found = configurations_.emplace(path, std::move(flags)).first;
    }
    return found->second;
  }

  const std::vector<Study>& studies_;
  StudyPlan plan_;
  std::map<std::string, std::size_t> numbers_;
  std::map<std::string, nlohmann::json> configurations_;
};

}  // namespace

StudyPlan plan_of(const std::vector<Study>& studies) { return Planner(studies).plan(); }

std::string word_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return json_text(value);
  std::string words;
  for (const Json& item : value) {
    if (!words.empty()) words += ',';
    words += word_of(item);
  }
  return words;
}

std::string typed_text(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    text += shell_word(word);
  }
  return text;
}

std::vector<std::string> words_of(const std::string& command, const Json& flags) {
  std::vector<std::string> words;
  std::istringstream parts(command);
  for (std::string part; parts >> part;) words.push_back(part);
  for (const auto& [name, value] : flags.items()) {
    if (value.is_boolean()) {
      words.push_back(std::string(value.get<bool>() ? "--" : "--no_").append(name));
    } else {
      words.push_back(std::string("--").append(name));
      words.push_back(word_of(value));
    }
  }
  return words;
}

}  // namespace convmae
