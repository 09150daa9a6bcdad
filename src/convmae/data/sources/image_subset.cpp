#include "convmae/data/sources/image_subset.h"

#include <utility>

namespace convmae {

ImageSubset::ImageSubset(std::shared_ptr<const ImageSource> whole,
                         std::vector<std::int64_t> numbers)
    : whole_(std::move(whole)), numbers_(std::move(numbers)) {}

std::string ImageSubset::description() const { return description_of(*whole_, size()); }

std::string description_of(const ImageSource& source, std::int64_t used) {
  std::string text = source.description();
  if (used < source.size()) text += ", " + std::to_string(source.size() - used) + " left out";
  return text;
}

}  // namespace convmae
