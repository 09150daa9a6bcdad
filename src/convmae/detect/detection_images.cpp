#include "convmae/detect/detection_images.h"

#include "convmae/base/error.h"
#include "convmae/io/sha256.h"
#include "convmae/train/opened_images.h"

#include <cstddef>
#include <span>
#include <type_traits>

namespace convmae {
namespace {

/// Numbers and texts as the bytes of a digest.
class DigestText {
 public:
  template <typename T>
  void add(const T& number) {
    static_assert(std::is_arithmetic_v<T>);
    text_.append(reinterpret_cast<const char*>(&number), sizeof(number));
  }
  void add(std::string_view text) {
    add(text.size());
    text_.append(text);
  }
  /// What was added becomes its digest, with which it goes on.
  void condense() { text_ = sha256(std::as_bytes(std::span(text_))); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void add_annotation(const coco::Dataset& dataset, const coco::Annotation& annotation,
                    DigestText& bytes) {
  bytes.add(annotation.category);
  for (const double number : annotation.box) bytes.add(number);
  bytes.add(annotation.area);
  bytes.add(annotation.crowd);
  if (annotation.mask.is_rle()) {
    bytes.add(dataset.masks().text(annotation.mask));
  } else if (annotation.mask.has_polygons()) {
    for (const std::uint32_t size : dataset.masks().polygon_sizes(annotation.mask)) bytes.add(size);
  }
}

void count_masks(DetectionImages& images) {
  const AnnotatedImages& training = *images.training;
  for (std::int64_t i = 0; i < training.size(); ++i) {
    for (const coco::Annotation& annotation :
         training.dataset().annotations_of(training.image(i))) {
      if (annotation.crowd) continue;
      if (annotation.mask.is_rle() || annotation.mask.has_polygons()) {
        images.has_masks = true;
      } else {
        ++images.unmasked;
      }
    }
  }
}

}  // namespace

std::string annotations_digest(const AnnotatedImages& images) {
  DigestText bytes;
  for (std::int64_t i = 0; i < images.size(); ++i) {
    const Size size = images.record(i).size;
    bytes.add(size.height);
    bytes.add(size.width);
    for (const coco::Annotation& annotation : images.dataset().annotations_of(images.image(i))) {
      add_annotation(images.dataset(), annotation, bytes);
    }
    bytes.condense();
  }
  return bytes.text();
}

DetectionImages open_detection_images(const DetectOptions& options) {
  using Which = AnnotatedImages::Which;
  const auto read = [](const std::string& path) {
    return std::make_shared<const coco::Dataset>(coco::Dataset::read(path));
  };
  DetectionImages images;
  const std::shared_ptr<const coco::Dataset> dataset = read(options.annotations);
  if (dataset->categories().empty()) {
    throw UserError("--annotations has no categories: a detector needs one or more to tell apart");
  }
  images.training = std::make_shared<AnnotatedImages>(
      dataset, options.data, options.keep_empty ? Which::training_with_empty : Which::training);
  tell(*images.training);
  images.digest = annotations_digest(*images.training);
  count_masks(images);
  if (options.eval_data.empty()) return images;
  const bool same = options.eval_annotations == options.annotations;
  images.held_out = std::make_shared<AnnotatedImages>(
      same ? dataset : read(options.eval_annotations), options.eval_data, Which::all);
  tell(*images.held_out);
  images.held_out_digest = annotations_digest(*images.held_out);
  images.matched =
      match_categories(dataset->categories(), images.held_out->dataset(), "--eval_annotations");
  return images;
}

}  // namespace convmae
