#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace convmae {

/// A way to judge a pretrained model: a command of this program with its flags.
struct StudyEvaluation {  // NOLINT(bugprone-exception-escape): moving JSON
  std::string name;
  std::string command;           ///< its words: knn, linprobe, finetune, detect train, ...
  nlohmann::ordered_json flags;  ///< an object; names of flags without dashes
  /// Images that a classifier is judged on when it is finished, and not before; empty: the value is
  /// the run's last held-out score.
  std::string test;
  std::int64_t draws = 1;  ///< how often with each seed; `{draw}` in a flag is which one
};

/// One of the things that are compared: what it has otherwise than the others.
struct StudyArm {  // NOLINT(bugprone-exception-escape): moving JSON
  std::string name;
  std::string label;                     ///< for tables; the name if the file has none
  bool pretrained = true;                ///< false: its evaluations start from nothing or `weights`
  std::string weights;                   ///< of somebody else
  nlohmann::ordered_json pretrain;       ///< flags of `pretrain`, over those of the study
  std::vector<std::string> evaluations;  ///< in their order in the study
  std::map<std::string, nlohmann::ordered_json> evaluation_flags;
};

/// A sentence that a difference of two arms decides.
struct StudyClaim {
  std::string text;
  std::string better;
  std::string worse;
  std::string evaluation;
  /// Above zero: the claim is that the two differ by no more, to either side.
  double within = 0;
};

/// A grid of runs: arms, seeds and evaluations.
struct Study {       // NOLINT(bugprone-exception-escape): moving JSON
  std::string name;  ///< of the file, without ending
  std::string title;
  std::string note;
  std::string baseline;  ///< an arm, which the others are compared with
  std::vector<std::int64_t> seeds;
  nlohmann::ordered_json pretrain;  ///< flags that all arms have
  std::vector<StudyEvaluation> evaluations;
  std::vector<StudyArm> arms;
  std::vector<StudyClaim> claims;

  /// Throws UserError if there is none; what asks has checked.
  const StudyArm& arm(const std::string& wanted) const;
  const StudyEvaluation& evaluation(const std::string& wanted) const;
};

/// Reads a study in TOML. What it has under `base`, a file beside it, is as if it stood in it,
/// unless it says otherwise itself. Throws UserError of one line that names the file: for what
/// cannot be read, unknown keys, values of another kind, and names that nothing has.
Study read_study(const std::filesystem::path& path);

/// A TOML file as JSON, keys in the file's order. Throws UserError that names it.
nlohmann::ordered_json read_toml(const std::filesystem::path& path);

}  // namespace convmae
