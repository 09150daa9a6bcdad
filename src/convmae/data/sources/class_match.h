#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// Which of some known classes others are.
struct ClassMatch {
  static constexpr std::int64_t kUnknown = -1;

  /// For each of the others the index of the known class, or kUnknown.
  std::vector<std::int64_t> index;
  /// Paired by their order, because the known ones have no names.
  bool guessed = false;

  bool complete() const;
};

/// Classes are the same if their names are; names that are the same whole number are too ("007" and
/// "7"), unless several of the known ones are that number.
ClassMatch match_names(const std::vector<std::string>& names,
                       const std::vector<std::string>& known);

/// The same; but where `known` are the numbers from 0 on, as of weights that name no classes, and
/// as many other names stand opposite, none of which is a number, their order is taken for that of
/// the numbers.
ClassMatch match_or_guess(const std::vector<std::string>& names,
                          const std::vector<std::string>& known);

/// Names of classes for a message of one line: the first few, and how many more there are.
std::string listed(const std::vector<std::string>& names);

/// What a guess comes to, for a message: the first pair and the last.
std::string guessed_pairs(const std::vector<std::string>& names);

/// Two names that a person may take for one: "'Cat' and 'cat' differ in letter case alone".
struct AlikeNames {
  std::string one;
  std::string other;
  std::string text() const;
};

/// The first of `names` that is like one of `known`.
std::optional<AlikeNames> near_miss(const std::vector<std::string>& names,
                                    const std::vector<std::string>& known);

/// The pairs among distinct names that differ in letter case, blanks and the like alone.
std::vector<AlikeNames> alike_names(const std::vector<std::string>& names);

}  // namespace convmae
