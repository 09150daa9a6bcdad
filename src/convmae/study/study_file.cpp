// A study, from JSON that was TOML.
#include "convmae/base/error.h"
#include "convmae/base/json_fields.h"
#include "convmae/base/quote.h"
#include "convmae/study/study.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kMostSeeds = 1000;
constexpr std::array kCommands{"knn", "linprobe", "finetune", "detect train", "segment train"};
/// Flags that a study sets itself.
constexpr std::array kOwnFlags{"out",  "output_dir", "resume",     "overwrite", "json",
                               "seed", "init",       "checkpoint", "weights"};

class StudyReader {
 public:
  explicit StudyReader(std::filesystem::path path) : path_(std::move(path)) {}

  Study read() {
    Json json = read_toml(path_);
    if (json.contains("base")) json = with_base(std::move(json));
    require_keys(json, "the study",
                 {"title", "note", "baseline", "seeds", "pretrain", "evaluate", "evaluations",
                  "arms", "claims"});
    study_.name = path_.stem().string();
    take(json, "the study", "title", study_.title = study_.name);
    take(json, "the study", "note", study_.note);
    study_.pretrain = flags_of(json, "pretrain", "[pretrain]");
    read_seeds(json);
    read_evaluations(json);
    read_arms(json);
    drop_unused_evaluations();
    take(json, "the study", "baseline", study_.baseline = study_.arms.front().name);
    require_arm(study_.baseline, "baseline");
    read_claims(json);
    return std::move(study_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw UserError(quote(path_.string()) + ": " + what);
  }

  /// The base's keys where the study has none of its own; of tables those of both.
  static void fill_in(Json& json, const Json& base) {
    for (const auto& [key, value] : base.items()) {
      if (!json.contains(key)) {
        json[key] = value;
      } else if (json[key].is_object() && value.is_object()) {
        fill_in(json[key], value);
      }
    }
  }

  Json with_base(Json json) const {
    std::string name;
    take(json, "the study", "base", name);
    json.erase("base");
    const Json base = read_toml(path_.parent_path() / name);
    if (base.contains("base")) fail("its base " + quote(name) + " has a base too: name that one");
    fill_in(json, base);
    return json;
  }

  void require_keys(const Json& json, const std::string& what,
                    const std::vector<std::string>& known) const {
    for (const auto& [key, value] : json.items()) {
      if (std::ranges::find(known, key) != known.end()) continue;
      std::string names;
      for (const std::string& name : known) {
        if (!names.empty()) names += ", ";
        names += name;
      }
      fail(std::string("unknown key ")
               .append(quote(key))
               .append(" in ")
               .append(what)
               .append(": expected ")
               .append(names));
    }
  }

  /// `value` stays as it is if there is no such key.
  template <typename T>
  void take(const Json& json, const std::string& what, const char* key, T& value) const {
    if (json.contains(key) && !take_json(json[key], value)) {
      fail("unusable value of '" + std::string(key) + "' in " + what);
    }
  }

  /// An object whose values are words, numbers, flags or lists of them.
  Json flags_of(const Json& json, const char* key, const std::string& what) const {
    if (!json.contains(key)) return Json::object();
    if (!json[key].is_object()) fail(what + " must be a table of flags");
    for (const auto& [name, value] : json[key].items()) {
      if (std::ranges::find(kOwnFlags, name) != kOwnFlags.end()) {
        fail(what + " has " + quote(name) + ", which the study itself decides: leave it out");
      }
      const auto is_plain = [](const Json& item) { return item.is_primitive(); };
      if (is_plain(value) || (value.is_array() && std::ranges::all_of(value, is_plain))) continue;
      fail(what + ": " + quote(name) + " must be a word, a number, true or false, or a list");
    }
    return json[key];
  }

  void read_seeds(const Json& json) {
    std::int64_t count = 1;
    if (!json.contains("seeds")) {
      study_.seeds = {0};
      return;
    }
    if (take_json(json["seeds"], count)) {
      if (count < 1 || count > kMostSeeds) fail("'seeds' must be from 1 to 1000, or a list");
      for (std::int64_t seed = 0; seed < count; ++seed) study_.seeds.push_back(seed);
      return;
    }
    take(json, "the study", "seeds", study_.seeds);
    const std::set<std::int64_t> different(study_.seeds.begin(), study_.seeds.end());
    const bool usable = !different.empty() && *different.begin() >= 0 &&
                        std::ssize(study_.seeds) <= kMostSeeds &&
                        different.size() == study_.seeds.size();
    if (!usable) fail("'seeds' must be their number, or a list of different ones from 0 on");
  }

  void read_evaluations(const Json& json) {
    if (!json.contains("evaluations") || !json["evaluations"].is_object() ||
        json["evaluations"].empty()) {
      fail("expected evaluations, such as [evaluations.knn] with command = \"knn\"");
    }
    for (const auto& [name, table] : json["evaluations"].items()) {
      const std::string what = "[evaluations." + name + "]";
      StudyEvaluation evaluation;
      evaluation.name = name;
      evaluation.flags = flags_of(json["evaluations"], name.c_str(), what);
      take(table, what, "command", evaluation.command);
      take(table, what, "test", evaluation.test);
      take(table, what, "draws", evaluation.draws);
      for (const char* const own : {"command", "test", "draws"}) evaluation.flags.erase(own);
      if (std::ranges::find(kCommands, evaluation.command) == kCommands.end()) {
        fail(what +
             " must have one of the commands knn, linprobe, finetune, detect train or "
             "segment train, found " +
             quote(evaluation.command));
      }
      if (evaluation.draws < 1 || evaluation.draws > kMostSeeds) {
        fail("'draws' in " + what + " must be from 1 to 1000");
      }
      const bool classifies = evaluation.command == "linprobe" || evaluation.command == "finetune";
      if (!classifies && !evaluation.test.empty()) {
        fail(what + " has 'test', which only linprobe and finetune can have");
      }
      study_.evaluations.push_back(std::move(evaluation));
    }
    std::vector<std::string> all;
    for (const StudyEvaluation& evaluation : study_.evaluations) all.push_back(evaluation.name);
    take(json, "the study", "evaluate", evaluate_ = all);
    require_evaluations(evaluate_, "evaluate");
  }

  void require_evaluations(const std::vector<std::string>& names, const std::string& what) const {
    for (const std::string& name : names) {
      const auto found = std::ranges::find(study_.evaluations, name, &StudyEvaluation::name);
      if (found == study_.evaluations.end()) {
        fail("'" + what + "' names the evaluation " + quote(name) + ", which is not in the file");
      }
    }
  }

  void read_arms(const Json& json) {
    if (!json.contains("arms") || !json["arms"].is_object() || json["arms"].empty()) {
      fail("expected arms, such as [arms.plain] with pretrain = { masked_conv = false }");
    }
    for (const auto& [name, table] : json["arms"].items()) {
      const std::string what = "[arms." + name + "]";
      if (!table.is_object()) fail(what + " must be a table");
      require_keys(table, what,
                   {"label", "pretrained", "weights", "pretrain", "evaluate", "evaluation"});
      StudyArm arm;
      arm.name = name;
      take(table, what, "label", arm.label = name);
      take(table, what, "pretrained", arm.pretrained);
      take(table, what, "weights", arm.weights);
      if (!arm.weights.empty()) arm.pretrained = false;
      take(table, what, "evaluate", arm.evaluations = evaluate_);
      require_evaluations(arm.evaluations, "evaluate");
      arm.pretrain = flags_of(table, "pretrain", what);
      if (table.contains("evaluation") && !table["evaluation"].is_object()) {
        fail("'evaluation' in " + what + " must be a table of evaluations");
      }
      const Json own = table.value("evaluation", Json::object());
      for (const auto& [evaluation, flags] : own.items()) {
        require_evaluations({evaluation}, "evaluation");
        std::string place = what;
        place.append(" ").append(evaluation);
        arm.evaluation_flags[evaluation] = flags_of(table["evaluation"], evaluation.c_str(), place);
      }
      study_.arms.push_back(std::move(arm));
    }
  }

  /// A base may have more than a study asks for.
  void drop_unused_evaluations() {
    std::erase_if(study_.evaluations, [this](const StudyEvaluation& evaluation) {
      return std::ranges::none_of(study_.arms, [&](const StudyArm& arm) {
        return std::ranges::find(arm.evaluations, evaluation.name) != arm.evaluations.end();
      });
    });
  }

  void require_arm(const std::string& name, const std::string& what) const {
    if (std::ranges::find(study_.arms, name, &StudyArm::name) == study_.arms.end()) {
      fail("'" + what + "' names the arm " + quote(name) + ", which is not in the file");
    }
  }

  void read_claims(const Json& json) {
    if (!json.contains("claims")) return;
    if (!json["claims"].is_array()) fail("'claims' must be tables [[claims]]");
    for (const Json& table : json["claims"]) {
      if (!table.is_object()) fail("'claims' must be tables [[claims]]");
      require_keys(table, "[[claims]]", {"text", "better", "worse", "evaluation", "within"});
      StudyClaim claim;
      take(table, "[[claims]]", "text", claim.text);
      take(table, "[[claims]]", "better", claim.better);
      take(table, "[[claims]]", "worse", claim.worse);
      take(table, "[[claims]]", "evaluation", claim.evaluation);
      take(table, "[[claims]]", "within", claim.within);
      require_arm(claim.better, "better");
      require_arm(claim.worse, "worse");
      require_evaluations({claim.evaluation}, "evaluation");
      study_.claims.push_back(std::move(claim));
    }
  }

  std::filesystem::path path_;
  Study study_;
  std::vector<std::string> evaluate_;
};

template <typename Named>
const Named& named(const std::vector<Named>& all, const std::string& name) {
  const auto found = std::ranges::find(all, name, &Named::name);
  if (found == all.end()) throw UserError("the study has no " + quote(name));
  return *found;
}

}  // namespace

const StudyArm& Study::arm(const std::string& wanted) const { return named(arms, wanted); }

const StudyEvaluation& Study::evaluation(const std::string& wanted) const {
  return named(evaluations, wanted);
}

Study read_study(const std::filesystem::path& path) { return StudyReader(path).read(); }

}  // namespace convmae
