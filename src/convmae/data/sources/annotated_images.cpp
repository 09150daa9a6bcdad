#include "convmae/data/sources/annotated_images.h"

#include "convmae/base/error.h"
#include "convmae/base/geometry.h"
#include "convmae/base/quote.h"
#include "convmae/coco/training_selection.h"
#include "convmae/data/sources/file_source.h"

#include <algorithm>
#include <numeric>
#include <system_error>
#include <utility>

namespace convmae {

AnnotatedImages::AnnotatedImages(std::shared_ptr<const coco::Dataset> dataset,
                                 std::filesystem::path folder, Which which)
    : dataset_(std::move(dataset)), folder_(std::move(folder)) {
  account_ = {.place = folder_.string(), .kind = "folder with annotations"};
  if (which == Which::all) {
    images_.resize(dataset_->images().size());
    std::iota(images_.begin(), images_.end(), 0);
  } else {
    coco::TrainingSelection selection =
        coco::select_for_training(*dataset_, which == Which::training_with_empty);
    images_ = std::move(selection.images);
    if (const std::string left_out = selection.left_out(); !left_out.empty()) {
      account_.remarks.push_back("training leaves out " + left_out);
    }
  }
  classes_.reserve(dataset_->categories().size());
  for (const coco::Category& category : dataset_->categories()) {
    classes_.push_back(as_utf8(category.name));
  }
  account_.images = account_.labelled = size();
  account_.name_classes(classes_);
  require_files();
}

void AnnotatedImages::require_files() const {
  constexpr std::int64_t kTried = 100;
  if (images_.empty()) {
    throw UserError("expected annotations of at least one image" +
                    std::string(dataset_->images().empty() ? "" : " with an object") +
                    ", found none: give another file" +
                    (dataset_->images().empty() ? "" : " or keep images without objects"));
  }
  for (std::int64_t i = 0; i < size(); ++i) {
    if (record(i).file_name.empty()) {
      throw UserError("expected a file_name of every image, found none of image " +
                      std::to_string(record(i).id) + ": add it to the annotations");
    }
  }
  for (std::int64_t i = 0; i < std::min(size(), kTried); ++i) {
    std::error_code ignored;
    if (std::filesystem::exists(name(i), ignored)) return;
  }
  throw UserError("the first image of the annotations does not exist: image " +
                  std::to_string(record(0).id) + " is " + quote(record(0).file_name) +
                  ", looked for as " + quote(name(0)) +
                  ": give the folder that the names in the annotations are relative to");
}

void AnnotatedImages::require_size(std::int64_t index, Size upright) const {
  if (upright == record(index).size) return;
  throw UserError("expected " + size_text(record(index).size) +
                  " pixels (height x width), as the annotations have of image " +
                  std::to_string(record(index).id) + ", found " + size_text(upright) +
                  ": the annotations are of another version of the file");
}

std::string AnnotatedImages::name(std::int64_t index) const {
  return (folder_ / record(index).file_name).string();
}

void AnnotatedImages::read(std::int64_t index, std::vector<std::uint8_t>& bytes) const {
  read_file(name(index), bytes);
}

}  // namespace convmae
