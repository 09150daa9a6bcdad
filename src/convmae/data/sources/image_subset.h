#pragma once

#include "convmae/data/sources/source.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// Some images of a source, in its order and with its classes.
class ImageSubset : public ImageSource {
 public:
  /// `numbers`: those of the images in `whole`, in ascending order. `reason` says what the others
  /// are; by default they turned out bad when they were read.
  ImageSubset(std::shared_ptr<const ImageSource> whole, std::vector<std::int64_t> numbers,
              std::optional<LeaveReason> reason = std::nullopt);

  std::int64_t size() const override { return std::ssize(numbers_); }
  std::string name(std::int64_t index) const override { return whole_->name(number(index)); }
  std::int64_t label(std::int64_t index) const override { return whole_->label(number(index)); }
  const std::vector<std::string>& classes() const override { return whole_->classes(); }
  bool has_numbered_classes() const override { return whole_->has_numbered_classes(); }
  void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const override {
    whole_->read(number(index), bytes);
  }
  std::vector<std::int64_t> shuffled(std::uint64_t seed, std::uint64_t epoch) const override;
  SourceAccount account() const override;

 private:
  std::int64_t number(std::int64_t index) const {
    return numbers_[static_cast<std::size_t>(index)];
  }

  std::shared_ptr<const ImageSource> whole_;
  std::vector<std::int64_t> numbers_;
  std::optional<LeaveReason> reason_;
};

/// The images that have a class, for who needs one of each: `source` itself if all of them have
/// one. Throws UserError, which names `flag` and an image, if more than the share `most` have none.
/// A source without any classes is returned as it is.
std::shared_ptr<const ImageSource> labelled_images(std::shared_ptr<const ImageSource> source,
                                                   const std::string& flag, double most);

/// What a source is, and how many of its images were left out if only `used` were used.
std::string description_of(const ImageSource& source, std::int64_t used);

}  // namespace convmae
