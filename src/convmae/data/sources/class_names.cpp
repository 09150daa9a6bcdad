#include "convmae/data/sources/class_names.h"

#include "convmae/base/parse_number.h"
#include "convmae/base/quote.h"

#include <algorithm>

namespace convmae {

std::optional<std::int64_t> class_number(std::string_view name) {
  const std::size_t point = std::min(name.find('.'), name.size());
  if (point < name.size() && name.find_first_not_of('0', point + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  return parse_number<std::int64_t>(name.substr(0, point));
}

std::int64_t ClassNames::add(std::string_view name) {
  if (const auto found = added_.find(name); found != added_.end()) return found->second;
  const std::int64_t next = std::ssize(added_);
  added_.emplace(name, next);
  return next;
}

void ClassNames::settle() {
  index_.resize(added_.size());
  numbered_ = !added_.empty() && std::ranges::all_of(added_, [](const auto& item) {
    return class_number(item.first).has_value();
  });
  std::map<std::int64_t, std::int64_t> numbers;
  if (numbered_) {
    for (const auto& [name, added] : added_) numbers.emplace(*class_number(name), 0);
    for (auto& [number, index] : numbers) {
      index = std::ssize(names_);
      names_.push_back(std::to_string(number));
    }
  }
  for (const auto& [name, added] : added_) {
    std::int64_t& index = index_[static_cast<std::size_t>(added)];
    if (numbered_) {
      index = numbers.at(*class_number(name));
    } else {
      index = std::ssize(names_);
      // They are written into checkpoints and compared with what comes back.
      names_.push_back(as_utf8(name));
    }
  }
}

}  // namespace convmae
