#include "convmae/checkpoint/head_classes.h"

#include "convmae/checkpoint/weights.h"
#include "convmae/data/sources/class_match.h"

#include <utility>

namespace convmae {

std::optional<std::vector<std::string>> class_names_in(const nlohmann::ordered_json& task) {
  const auto classes = task.is_object() ? task.find("classes") : task.end();
  if (classes == task.end() || !classes->is_array()) return std::nullopt;
  std::vector<std::string> names;
  names.reserve(classes->size());
  for (const auto& item : *classes) {
    if (!item.is_string()) return std::nullopt;
    names.push_back(item.get<std::string>());
  }
  return names;
}

std::vector<std::string> class_numbers(std::int64_t count) {
  std::vector<std::string> numbers;
  for (std::int64_t i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

HeadRows head_rows(const WeightFile& file, const std::vector<std::string>& classes) {
  const std::optional<CheckpointInfo> info = described_by_itself(file);
  std::optional<std::vector<std::string>> names;
  if (info) names = class_names_in(info->task);
  const bool named = names && names->size() == classes.size();
  if (!named) names = class_numbers(std::ssize(classes));
  ClassMatch match = match_or_guess(classes, *names);
  if (!match.complete()) return {std::nullopt, "its head is for other classes: " + listed(*names)};
  HeadRows found{std::move(match.index), ""};
  if (match.guessed) {
    found.note = "guessed of its head: " + guessed_pairs(classes) + ", in sorted order, because " +
                 (named ? "its classes are numbers" : "the file names no classes");
  }
  return found;
}

}  // namespace convmae
