#include "convmae/data/sources/numbered_classes.h"

namespace convmae {

std::vector<std::string> NumberedClasses::names() {
  std::vector<std::string> names;
  for (auto& [number, index] : index_) {
    index = std::ssize(names);
    names.push_back(std::to_string(number));
  }
  return names;
}

}  // namespace convmae
