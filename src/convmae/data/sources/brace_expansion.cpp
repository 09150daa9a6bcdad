#include "convmae/base/error.h"
#include "convmae/base/parse_number.h"
#include "convmae/base/quote.h"
#include "convmae/data/sources/tar_source.h"

#include <algorithm>
#include <optional>

namespace convmae {
namespace {

constexpr std::int64_t kMostNames = 1'000'000;

[[noreturn]] void fail(std::string_view pattern, const std::string& what) {
  throw UserError("expected a pattern such as train-{000000..000127}.tar, found " + what + " in " +
                  quote(pattern) + ": correct it");
}

/// `000..127` -> its numbers; nothing if it is no range.
std::vector<std::string> expand_range(std::string_view pattern, std::string_view range) {
  const std::size_t dots = range.find("..");
  if (dots == std::string_view::npos) return {};
  const std::string_view first = range.substr(0, dots);
  const auto begin = parse_count(first);
  const auto end = parse_count(range.substr(dots + 2));
  if (!begin || !end || *end < *begin) fail(pattern, "no ascending range of whole numbers");
  if (*end - *begin >= kMostNames) fail(pattern, "more than a million names");
  std::vector<std::string> numbers;
  for (std::int64_t number = *begin; number <= *end; ++number) {
    const std::string digits = std::to_string(number);
    const std::size_t width = first.starts_with('0') ? first.size() : 0;
    numbers.push_back(std::string(width - std::min(width, digits.size()), '0') + digits);
  }
  return numbers;
}

std::vector<std::string> expand_list(std::string_view list) {
  std::vector<std::string> items;
  while (true) {
    const std::size_t comma = std::min(list.find(','), list.size());
    items.emplace_back(list.substr(0, comma));
    if (comma == list.size()) return items;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

std::vector<std::string> expand_braces(std::string_view pattern) {
  std::vector<std::string> names{""};
  const auto append = [&](const std::vector<std::string>& choices) {
    if (std::ssize(names) * std::ssize(choices) > kMostNames) {
      fail(pattern, "more than a million names");
    }
    std::vector<std::string> longer;
    for (const std::string& name : names) {
      for (const std::string& choice : choices) longer.push_back(name + choice);
    }
    names = std::move(longer);
  };
  std::string_view rest = pattern;
  while (!rest.empty()) {
    const std::size_t open = std::min(rest.find_first_of("{}"), rest.size());
    append({std::string(rest.substr(0, open))});
    rest.remove_prefix(open);
    if (rest.empty()) break;
    const std::size_t close = rest.find_first_of("{}", 1);
    if (rest.front() == '}' || close == std::string_view::npos || rest[close] == '{') {
      fail(pattern, "a brace without its other half");
    }
    const std::string_view inside = rest.substr(1, close - 1);
    std::vector<std::string> choices = expand_range(pattern, inside);
    if (choices.empty()) choices = expand_list(inside);
    append(choices);
    rest.remove_prefix(close + 1);
  }
  return names;
}

}  // namespace convmae
