#include "convmae/train/evaluation/classes.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <filesystem>
#include <map>

namespace convmae {
namespace {

[[noreturn]] void refuse_without_classes(const ImageSource& source, const std::string& flag) {
  if (source.size() > 0) {
    const std::string name = std::filesystem::path(source.name(0)).filename().string();
    if (name.starts_with("ILSVRC2012_val_")) {
      throw UserError(flag +
                      " is the flat validation folder of ILSVRC2012, whose labels are a file of "
                      "their own: give a list with a line such as 'ILSVRC2012_val_00000001.JPEG,"
                      "n01751748' for each image, or sort the images into class folders");
    }
  }
  throw UserError(flag + " has images without classes (" + source.description() +
                  "): give a folder with a folder for each class, or a list with labels");
}

bool only_numbers(const std::vector<std::string>& classes) {
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] != std::to_string(i)) return false;
  }
  return true;
}

}  // namespace

const std::vector<std::string>& classes_of(const ImageSource& source, const std::string& flag) {
  if (source.classes().empty()) refuse_without_classes(source, flag);
  return source.classes();
}

std::vector<std::int64_t> match_classes(const ImageSource& source,
                                        const std::vector<std::string>& classes,
                                        const std::string& flag) {
  std::map<std::string, std::int64_t> numbers;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    numbers.emplace(classes[i], static_cast<std::int64_t>(i));
  }
  std::vector<std::int64_t> matched;
  for (const std::string& name : classes_of(source, flag)) {
    const auto found = numbers.find(name);
    if (found == numbers.end()) {
      throw UserError(flag + " has the class " + quote(name) + ", which is none of the " +
                      std::to_string(classes.size()) + " classes of training (such as " +
                      quote(classes.front()) + "): give images of the same classes");
    }
    matched.push_back(found->second);
  }
  return matched;
}

std::vector<std::string> named_classes(const std::vector<std::string>& classes,
                                       const ImageSource& source) {
  const bool nameless = only_numbers(classes) && !source.has_numbered_classes() &&
                        source.classes().size() == classes.size();
  return nameless ? source.classes() : classes;
}

}  // namespace convmae
