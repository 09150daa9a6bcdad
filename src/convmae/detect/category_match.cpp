#include "convmae/detect/category_match.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/sources/class_match.h"
#include "convmae/data/sources/source_account.h"

#include <algorithm>

namespace convmae {
namespace {

std::vector<std::string> category_names(const std::vector<coco::Category>& categories) {
  std::vector<std::string> names;
  names.reserve(categories.size());
  for (const coco::Category& category : categories) names.push_back(as_utf8(category.name));
  return names;
}

std::string categories_text(const std::vector<std::string>& names) {
  return counted(std::ssize(names), "category", "categories") + " (" + listed(names) + ")";
}

}  // namespace

CategoryMatch match_categories(const std::vector<coco::Category>& classes,
                               const coco::Dataset& dataset, const std::string& flag) {
  const std::vector<std::string> known = category_names(classes);
  const std::vector<std::string> names = category_names(dataset.categories());
  const ClassMatch match = match_or_guess(names, known);
  CategoryMatch matched;
  matched.ids.resize(classes.size());
  std::vector<std::string> unknown;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (match.index[i] == ClassMatch::kUnknown) {
      unknown.push_back(names[i]);
      continue;
    }
    std::optional<std::int64_t>& id = matched.ids[static_cast<std::size_t>(match.index[i])];
    // Of categories with one name, the first.
    if (!id) id = dataset.categories()[i].id;
  }
  if (unknown.size() == names.size()) {
    throw UserError(flag + " has none of the " + categories_text(known) +
                    " that the detector knows, but " + categories_text(names) +
                    ": give annotations of what it was trained for");
  }
  if (match.guessed) {
    matched.remarks.push_back("guessed: " + guessed_pairs(names) +
                              ", by ascending ids, because the weights name no categories");
  }
  if (!unknown.empty()) {
    matched.remarks.push_back("the detector does not know " + categories_text(unknown) + " of " +
                              flag + ": it finds none of them");
  }
  std::vector<std::string> missing;
  for (std::size_t k = 0; k < known.size(); ++k) {
    if (!matched.ids[k]) missing.push_back(known[k]);
  }
  if (!missing.empty()) {
    matched.remarks.push_back(flag + " does not have " + categories_text(missing) +
                              " of the detector: what it finds of them is left out");
  }
  return matched;
}

}  // namespace convmae
