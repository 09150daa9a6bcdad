#include "convmae/data/sources/image_subset.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <algorithm>
#include <utility>

namespace convmae {

ImageSubset::ImageSubset(std::shared_ptr<const ImageSource> whole,
                         std::vector<std::int64_t> numbers, std::optional<LeaveReason> reason)
    : whole_(std::move(whole)), numbers_(std::move(numbers)), reason_(reason) {}

std::vector<std::int64_t> ImageSubset::shuffled(std::uint64_t seed, std::uint64_t epoch) const {
  std::vector<std::int64_t> order;
  order.reserve(numbers_.size());
  for (const std::int64_t number : whole_->shuffled(seed, epoch)) {
    const auto found = std::ranges::lower_bound(numbers_, number);
    if (found != numbers_.end() && *found == number) order.push_back(found - numbers_.begin());
  }
  return order;
}

SourceAccount ImageSubset::account() const {
  SourceAccount account = whole_->account();
  const std::int64_t others = whole_->size() - size();
  if (!reason_) {
    account.unusable += others;
    return account;
  }
  account.images = size();
  account.labelled = std::ranges::count_if(
      numbers_, [this](std::int64_t number) { return whole_->label(number) != kNoLabel; });
  account.left_out.push_back({.reason = *reason_, .count = others});
  return account;
}

std::shared_ptr<const ImageSource> labelled_images(std::shared_ptr<const ImageSource> source,
                                                   const std::string& flag, double most) {
  if (source->classes().empty()) return source;
  std::vector<std::int64_t> labelled;
  std::int64_t first_without = -1;
  for (std::int64_t i = 0; i < source->size(); ++i) {
    if (source->label(i) != ImageSource::kNoLabel) {
      labelled.push_back(i);
    } else if (first_without < 0) {
      first_without = i;
    }
  }
  if (first_without < 0) return source;
  const std::int64_t without = source->size() - std::ssize(labelled);
  if (static_cast<double>(without) > most * static_cast<double>(source->size())) {
    throw UserError(flag + " has " + with_commas(without) + " of " + with_commas(source->size()) +
                    " images without a label, such as " + brief(source->name(first_without)) +
                    ": give them labels, or leave them out with --on_bad_sample skip" +
                    (most > 0 ? " and a larger --max_bad_share" : ""));
  }
  return std::make_shared<ImageSubset>(std::move(source), std::move(labelled), kUnlabelled);
}

std::string description_of(const ImageSource& source, std::int64_t used) {
  SourceAccount account = source.account();
  account.unusable += source.size() - used;
  return account.text();
}

}  // namespace convmae
