#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace convmae {

/// Classes that a file names by whole numbers: the distinct ones among them in ascending order,
/// however large they are and however much lies between them. What they take depends on how many
/// there are alone.
class NumberedClasses {
 public:
  void add(std::int64_t number) { index_.emplace(number, 0); }

  /// To be called after the last `add`: the numbers as text, by class index.
  std::vector<std::string> names();
  /// The class index of a number that was added, after `names`.
  std::int64_t index(std::int64_t number) const { return index_.at(number); }

 private:
  std::map<std::int64_t, std::int64_t> index_;
};

}  // namespace convmae
