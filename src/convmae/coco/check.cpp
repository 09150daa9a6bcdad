#include "convmae/coco/check.h"

#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/coco/entries.h"
#include "convmae/coco/entry_checks.h"
#include "convmae/coco/polygon.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace convmae::coco {
namespace {

enum class Warn {
  empty_polygon,
  empty_mask,
  no_area,
  degenerate_box,
  box_outside,
  mask_size,
  category_name,
  unreadable_image,
  image_size
};

constexpr std::array kWarnings{"polygons of less than three points or half a point",
                               "masks without a pixel or a polygon",
                               "annotations without an area (that of the box is taken)",
                               "boxes without width or height",
                               "boxes that reach out of their image",
                               "masks of another size than their image",
                               "names of more than one category",
                               "image files that cannot be read",
                               "image files of another size"};

std::string box_text(const XywhBox& box) { return json_text(nlohmann::ordered_json(box)); }

/// What of an annotation is compared with the lists when all are read.
struct Reference {
  std::string description() const {
    Entry entry;
    entry.kind = is_result ? Entry::Kind::result : Entry::Kind::annotation;
    entry.position = position;
    if (!is_result) entry.id = id;
    return entry.description();
  }

  std::int64_t id = 0;
  std::int64_t image_id = 0;
  std::int64_t category_id = 0;
  std::int64_t position = 0;
  XywhBox box{};
  Size mask_size;
  bool is_result = false;
};

class Checker {
 public:
  explicit Checker(const SizeOfImage& size_of_image) : size_of_image_(size_of_image) {}

  void visit(const Entry& entry) {
    for (const std::string& fault : faults_of(entry)) error(entry.description() + ": " + fault);
    switch (entry.kind) {
      case Entry::Kind::image:
        ++report_.images;
        visit_image(entry);
        break;
      case Entry::Kind::category:
        ++report_.categories;
        visit_category(entry);
        break;
      case Entry::Kind::annotation:
      case Entry::Kind::result:
        ++report_.annotations;
        visit_object(entry);
        break;
    }
  }

  CheckReport finish(const FileShape& shape) {
    report_.is_results = shape.is_list;
    if (!shape.is_list) {
      check_lists(shape);
      for (const Reference& reference : references_) check_reference(reference);
    }
    for (std::size_t i = 0; i < kWarnings.size(); ++i) {
      if (counts_[i].count > 0) {
        report_.warnings.push_back(std::move(counts_[i]));
        report_.warnings.back().kind = kWarnings[i];
      }
    }
    return std::move(report_);
  }

 private:
  void error(std::string text) {
    constexpr std::int64_t kKept = 1000;
    if (++report_.error_count <= kKept) report_.errors.push_back(std::move(text));
  }

  void warn(Warn kind, const std::string& first) {
    CheckReport::Warning& warning = counts_[static_cast<std::size_t>(kind)];
    if (++warning.count == 1) warning.first = first;
  }

  void require_new(std::unordered_set<std::int64_t>& ids, const Entry& entry, const char* kind) {
    if (entry.id && !ids.insert(*entry.id).second) {
      error(std::string(kind) + " with id " + std::to_string(*entry.id) + ", number " +
            std::to_string(entry.position + 1) + " of the list: expected an id of its own, found " +
            "that of another");
    }
  }

  void visit_image(const Entry& entry) {
    require_new(image_ids_, entry, "image");
    if (!entry.id || !entry.height || !entry.width) return;
    const Size size{*entry.height, *entry.width};
    sizes_.try_emplace(*entry.id, size);
    if (!size_of_image_) return;
    try {
      const Size found = size_of_image_(entry.name);
      if (found != size) {
        warn(Warn::image_size, entry.description() + ": " + size_text(size) + " in the list, " +
                                   size_text(found) + " in " + quote(entry.name));
      }
    } catch (const UserError& error) {
      warn(Warn::unreadable_image, entry.description() + ": " + error.what());
    }
  }

  void visit_category(const Entry& entry) {
    require_new(category_ids_, entry, "category");
    if (!names_.insert(entry.name).second) {
      warn(Warn::category_name, entry.description() + ": " + quote(entry.name));
    }
  }

  void visit_object(const Entry& entry) {
    require_new(annotation_ids_, entry, "annotation");
    for (const std::uint32_t size : entry.polygon_sizes) {
      if (!is_drawable(size)) {
        warn(Warn::empty_polygon,
             entry.description() + ": " + std::to_string(size) + " coordinates");
      }
    }
    if (entry.mask == Entry::Mask::empty) {
      warn(Warn::empty_mask, entry.description() + ": an empty list");
    }
    if (entry.kind == Entry::Kind::annotation && !entry.area) {
      warn(Warn::no_area, entry.description());
    }
    if (!faults_of(entry).empty()) return;
    Reference reference{entry.id.value_or(0),
                        *entry.image_id,
                        *entry.category_id,
                        entry.position,
                        box_of(entry),
                        {},
                        entry.kind == Entry::Kind::result};
    if (entry.mask == Entry::Mask::runs || entry.mask == Entry::Mask::text) {
      const Rle rle = runs_of(entry);
      reference.mask_size = rle.size;
      if (rle_area(rle) == 0) warn(Warn::empty_mask, entry.description() + ": run lengths of none");
    }
    if (entry.has_box && !(reference.box[2] > 0 && reference.box[3] > 0)) {
      warn(Warn::degenerate_box, entry.description() + ": " + box_text(reference.box));
    }
    if (!reference.is_result) references_.push_back(reference);
  }

  void check_lists(const FileShape& shape) {
    const std::array<std::pair<const char*, bool>, 3> lists{{{"images", shape.has_images},
                                                             {"annotations", shape.has_annotations},
                                                             {"categories", shape.has_categories}}};
    for (const auto& [name, there] : lists) {
      if (!there) error(std::string("the file: expected a list of ") + name + ", found none");
    }
  }

  void check_reference(const Reference& reference) {
    // Pixels beyond the edge that rounding explains.
    constexpr double kTolerance = 0.5;
    const auto expected = [&](const char* what, const char* name, std::int64_t id) {
      error(reference.description() + ": expected " + what + " of the file, found " + name + " " +
            std::to_string(id) + ", which it does not have");
    };
    if (!category_ids_.contains(reference.category_id)) {
      expected("a category", "category_id", reference.category_id);
    }
    if (!image_ids_.contains(reference.image_id)) {
      expected("an image", "image_id", reference.image_id);
    }
    const auto size = sizes_.find(reference.image_id);
    if (size == sizes_.end()) return;
    const auto [x, y, width, height] = reference.box;
    if (x < -kTolerance || y < -kTolerance ||
        x + width > static_cast<double>(size->second.width) + kTolerance ||
        y + height > static_cast<double>(size->second.height) + kTolerance) {
      warn(Warn::box_outside, reference.description() + ": " + box_text(reference.box) +
                                  " in an image of " + size_text(size->second));
    }
    if (reference.mask_size.height > 0 && reference.mask_size != size->second) {
      warn(Warn::mask_size, reference.description() + ": " + size_text(reference.mask_size) +
                                " on an image of " + size_text(size->second));
    }
  }

  const SizeOfImage& size_of_image_;
  CheckReport report_;
  std::array<CheckReport::Warning, kWarnings.size()> counts_;
  std::unordered_set<std::int64_t> image_ids_;
  std::unordered_set<std::int64_t> category_ids_;
  std::unordered_set<std::int64_t> annotation_ids_;
  std::unordered_set<std::string> names_;
  std::unordered_map<std::int64_t, Size> sizes_;
  std::vector<Reference> references_;
};

}  // namespace

CheckReport check_file(const std::filesystem::path& path, const SizeOfImage& size_of_image) {
  Checker checker(size_of_image);
  const FileShape shape = read_entries(path, [&](const Entry& entry) { checker.visit(entry); });
  return checker.finish(shape);
}

}  // namespace convmae::coco
