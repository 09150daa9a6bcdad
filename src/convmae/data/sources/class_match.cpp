#include "convmae/data/sources/class_match.h"

#include "convmae/base/alike.h"
#include "convmae/base/quote.h"
#include "convmae/data/sources/class_names.h"

#include <algorithm>
#include <map>
#include <optional>

namespace convmae {
namespace {

constexpr std::size_t kLongestName = 80;

std::string quoted(const std::string& name) {
  std::string text = "'";
  return text.append(brief(name, kLongestName)).append("'");
}

bool is_number(const std::string& name) { return class_number(name).has_value(); }

bool counts_from_zero(const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != std::to_string(i)) return false;
  }
  return true;
}

/// The index of each number among the names, or kUnknown where several names are that number.
std::map<std::int64_t, std::int64_t> numbers_among(const std::vector<std::string>& names) {
  std::map<std::int64_t, std::int64_t> numbers;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::optional<std::int64_t> number = class_number(names[i]);
    if (!number) continue;
    const auto [found, is_new] = numbers.emplace(*number, static_cast<std::int64_t>(i));
    if (!is_new) found->second = ClassMatch::kUnknown;
  }
  return numbers;
}

}  // namespace

bool ClassMatch::complete() const { return std::ranges::find(index, kUnknown) == index.end(); }

ClassMatch match_names(const std::vector<std::string>& names,
                       const std::vector<std::string>& known) {
  std::map<std::string, std::int64_t> by_name;
  for (std::size_t i = 0; i < known.size(); ++i) {
    by_name.emplace(known[i], static_cast<std::int64_t>(i));
  }
  const std::map<std::int64_t, std::int64_t> by_number = numbers_among(known);
  ClassMatch match;
  match.index.reserve(names.size());
  for (const std::string& name : names) {
    std::int64_t index = ClassMatch::kUnknown;
    if (const auto same = by_name.find(name); same != by_name.end()) {
      index = same->second;
    } else if (const std::optional<std::int64_t> number = class_number(name)) {
      if (const auto equal = by_number.find(*number); equal != by_number.end()) {
        index = equal->second;
      }
    }
    match.index.push_back(index);
  }
  return match;
}

ClassMatch match_or_guess(const std::vector<std::string>& names,
                          const std::vector<std::string>& known) {
  ClassMatch match = match_names(names, known);
  match.guessed = names.size() == known.size() && counts_from_zero(known) &&
                  std::ranges::none_of(names, is_number);
  if (match.guessed) {
    for (std::size_t i = 0; i < names.size(); ++i) match.index[i] = static_cast<std::int64_t>(i);
  }
  return match;
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 5;
  const std::size_t shown = names.size() > kMost ? kMost - 1 : names.size();
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += quoted(names[i]);
  }
  if (shown < names.size()) text += " and " + std::to_string(names.size() - shown) + " more";
  return text;
}

std::string guessed_pairs(const std::vector<std::string>& names) {
  std::string text = "class 0 is " + quoted(names.front());
  if (names.size() == 1) return text;
  text += names.size() > 2 ? " ... class " : ", class ";
  return text + std::to_string(names.size() - 1) + " is " + quoted(names.back());
}

std::string AlikeNames::text() const {
  return quoted(one) + " and " + quoted(other) + " differ in " + difference_of_alike(one, other);
}

std::optional<AlikeNames> near_miss(const std::vector<std::string>& names,
                                    const std::vector<std::string>& known) {
  constexpr std::size_t kMost = 10;  // of many names that are not known the first ones do
  for (std::size_t i = 0; i < std::min(kMost, names.size()); ++i) {
    if (is_number(names[i])) continue;
    for (const std::string& other : known) {
      if (!difference_of_alike(names[i], other).empty()) return AlikeNames{names[i], other};
    }
  }
  return std::nullopt;
}

std::vector<AlikeNames> alike_names(const std::vector<std::string>& names) {
  std::map<std::u32string, const std::string*> first;
  std::vector<AlikeNames> pairs;
  for (const std::string& name : names) {
    if (is_number(name)) continue;
    const auto [found, is_new] = first.emplace(without_case_and_blanks(name), &name);
    if (!is_new) pairs.push_back({*found->second, name});
  }
  return pairs;
}

}  // namespace convmae
