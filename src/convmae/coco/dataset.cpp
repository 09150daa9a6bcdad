#include "convmae/coco/dataset.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/coco/entry_checks.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace convmae::coco {
namespace {

template <typename Record>
std::optional<std::int32_t> find_by_id(const std::vector<Record>& records, std::int64_t id) {
  const auto found = std::ranges::lower_bound(records, id, {}, &Record::id);
  if (found == records.end() || found->id != id) return std::nullopt;
  return static_cast<std::int32_t>(found - records.begin());
}

template <typename Record>
void sort_by_id(std::vector<Record>& records, const char* kind) {
  std::ranges::stable_sort(records, {}, &Record::id);
  const auto twice = std::ranges::adjacent_find(records, {}, &Record::id);
  if (twice != records.end()) {
    throw EntryFault("expected every " + std::string(kind) + " to have an id of its own, found " +
                     std::to_string(twice->id) + " twice");
  }
}

void require_unique_ids(const std::vector<Annotation>& annotations) {
  std::vector<std::int64_t> ids;
  ids.reserve(annotations.size());
  for (const Annotation& annotation : annotations) ids.push_back(annotation.id);
  std::ranges::sort(ids);
  const auto twice = std::ranges::adjacent_find(ids);
  if (twice != ids.end()) {
    throw EntryFault("expected every annotation to have an id of its own, found " +
                     std::to_string(*twice) + " twice");
  }
}

void require_shape(const FileShape& shape) {
  if (shape.is_list) {
    throw EntryFault("expected annotations, an object, found a list as of results");
  }
  const char* const missing = !shape.has_images        ? "images"
                              : !shape.has_annotations ? "annotations"
                              : !shape.has_categories  ? "categories"
                                                       : nullptr;
  if (missing == nullptr) return;
  throw EntryFault("expected annotations with images, annotations and categories, found no " +
                   std::string(missing));
}

}  // namespace

Dataset Dataset::read(const std::filesystem::path& path) {
  Dataset dataset;
  try {
    require_shape(read_entries(path, [&](const Entry& entry) { dataset.add(entry); }));
    dataset.index();
  } catch (const EntryFault& fault) {
    throw UserError("cannot read " + quote(path.string()) + ": " + fault.what() +
                    "; convmae detect check lists all that is wrong");
  }
  return dataset;
}

void Dataset::add(const Entry& entry) {
  require_no_fault(entry);
  switch (entry.kind) {
    case Entry::Kind::image:
      images_.push_back({*entry.id, {*entry.height, *entry.width}, entry.name});
      break;
    case Entry::Kind::category:
      categories_.push_back({*entry.id, entry.name});
      break;
    case Entry::Kind::annotation:
      add_annotation(entry);
      break;
    case Entry::Kind::result:
      break;  // the shape of the file is refused at its end
  }
}

void Dataset::add_annotation(const Entry& entry) {
  constexpr std::size_t kMost = std::numeric_limits<std::int32_t>::max();
  if (annotations_.size() == kMost) throw EntryFault("expected less than 2147483647 annotations");
  Annotation& annotation = annotations_.emplace_back();
  annotation.id = *entry.id;
  annotation.box = box_of(entry);
  annotation.area = entry.area.value_or(annotation.box[2] * annotation.box[3]);
  if (!entry.area) ++without_area_;
  annotation.crowd = entry.crowd.value_or(0) != 0;
  annotation.mask = store_mask(entry, masks_);
  image_ids_.push_back(*entry.image_id);
  category_ids_.push_back(*entry.category_id);
}

void Dataset::index() {
  sort_by_id(images_, "image");
  sort_by_id(categories_, "category");
  require_unique_ids(annotations_);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < annotations_.size(); ++i) {
    const std::optional<std::int32_t> image = find_image(image_ids_[i]);
    const std::optional<std::int32_t> category = find_category(category_ids_[i]);
    if (!image) ++without_image_;
    if (image && !category) ++without_category_;
    if (!image || !category) continue;
    annotations_[i].image = *image;
    annotations_[i].category = *category;
    annotations_[kept++] = annotations_[i];
  }
  annotations_.resize(kept);
  image_ids_ = {};
  category_ids_ = {};
  std::ranges::stable_sort(annotations_, {}, &Annotation::image);
  begins_.assign(images_.size() + 1, 0);
  for (const Annotation& annotation : annotations_) {
    ++begins_[static_cast<std::size_t>(annotation.image) + 1];
  }
  for (std::size_t i = 1; i < begins_.size(); ++i) begins_[i] += begins_[i - 1];
}

std::span<const Annotation> Dataset::annotations_of(std::int64_t image) const {
  const auto index = static_cast<std::size_t>(image);
  return std::span(annotations_).subspan(begins_[index], begins_[index + 1] - begins_[index]);
}

std::optional<std::int32_t> Dataset::find_image(std::int64_t id) const {
  return find_by_id(images_, id);
}

std::optional<std::int32_t> Dataset::find_category(std::int64_t id) const {
  return find_by_id(categories_, id);
}

bool Dataset::has_masks() const {
  return std::ranges::any_of(annotations_, [](const Annotation& annotation) {
    return annotation.mask.kind != MaskPlace::Kind::none;
  });
}

}  // namespace convmae::coco
