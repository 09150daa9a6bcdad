#pragma once

#include "convmae/coco/dataset.h"
#include "convmae/data/sources/source.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace convmae {

/// Images in a folder that a COCO dataset says something about. The dataset is in memory once, for
/// all who read. Images have no label; the classes are the dataset's categories.
class AnnotatedImages : public ImageSource {
 public:
  enum class Which {
    training,             ///< what coco::select_for_training takes
    training_with_empty,  ///< and images without objects too
    all,
  };

  /// Throws UserError if there is no image, one without a file name, or if the folder has none of
  /// the first hundred.
  AnnotatedImages(std::shared_ptr<const coco::Dataset> dataset, std::filesystem::path folder,
                  Which which);

  std::int64_t size() const override { return std::ssize(images_); }
  std::string name(std::int64_t index) const override;
  std::int64_t label(std::int64_t /*index*/) const override { return kNoLabel; }
  const std::vector<std::string>& classes() const override { return classes_; }
  void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const override;
  SourceAccount account() const override { return account_; }

  const coco::Dataset& dataset() const { return *dataset_; }
  /// The number of an image in the dataset.
  std::int64_t image(std::int64_t index) const { return images_[static_cast<std::size_t>(index)]; }
  const coco::ImageRecord& record(std::int64_t index) const {
    return dataset_->images()[static_cast<std::size_t>(image(index))];
  }
  /// Throws UserError unless the image's size, upright, is the one that the annotations have.
  void require_size(std::int64_t index, Size upright) const;

 private:
  void require_files() const;

  std::shared_ptr<const coco::Dataset> dataset_;
  std::filesystem::path folder_;
  std::vector<std::int32_t> images_;
  std::vector<std::string> classes_;
  SourceAccount account_;
};

}  // namespace convmae
