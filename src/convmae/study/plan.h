#pragma once

#include "convmae/study/study.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// Which line of which study a task gives.
struct TaskUse {
  std::string study;
  std::string arm;
  std::string evaluation;  ///< or kPretraining
  std::int64_t seed = 0;
  std::int64_t draw = 0;
};

/// The name of the line that a pretraining leaves.
inline constexpr const char* kPretraining = "pretrain";

/// What is run for some settings, once, however many arms and studies ask for it: a pretraining, or
/// an evaluation of one.
struct StudyTask {               // NOLINT(bugprone-exception-escape): moving JSON
  std::string key;               ///< 12 hexadecimal digits that stand for all that decides it
  std::string setting;           ///< the same without seed and draw: what takes the same time
  std::string command;           ///< its words: pretrain, knn, ...
  nlohmann::ordered_json flags;  ///< with the seed
  std::string test;
  std::string weights;  ///< of somebody else, to start from; empty: of `after`, or none
  std::optional<std::size_t> after;  ///< the pretraining whose weights it starts from
  std::vector<TaskUse> uses;

  bool trains() const { return command != "knn"; }
};

/// In an order in which they can be run, with what is worth most first: all arms of all studies
/// with the first seed, then with the next.
struct StudyPlan {
  std::vector<StudyTask> tasks;
};

/// Reads the files that `config` names: what stands in them decides a task, not how they are
/// called. Throws UserError that names one that cannot be read.
StudyPlan plan_of(const std::vector<Study>& studies);

/// The words of a command behind the program's name that `flags` make, in their order: lists with
/// commas, true as --name, false as --no_name.
std::vector<std::string> words_of(const std::string& command, const nlohmann::ordered_json& flags);

/// Words as they can be typed, with blanks between them.
std::string typed_text(const std::vector<std::string>& words);

/// A value as a flag takes it.
std::string word_of(const nlohmann::ordered_json& value);

}  // namespace convmae
