#include "convmae/coco/entry_checks.h"

#include "convmae/base/geometry.h"
#include "convmae/coco/polygon.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace convmae::coco {
namespace {

void require(bool there, const char* name, std::vector<std::string>& faults) {
  if (!there) faults.push_back(std::string("expected ") + name + ", found none");
}

void check_image(const Entry& entry, std::vector<std::string>& faults) {
  require(entry.height.has_value(), "a height", faults);
  require(entry.width.has_value(), "a width", faults);
  if (!entry.height || !entry.width) return;
  try {
    mask_pixels({*entry.height, *entry.width});
  } catch (const UserError&) {
    faults.push_back("expected a size of 1 to 4294967295 pixels, found " +
                     size_text({*entry.height, *entry.width}));
  }
}

bool is_finite(double value) { return std::isfinite(value); }

void check_box(const Entry& entry, std::vector<std::string>& faults) {
  if (entry.has_box && entry.box.size() != 4) {
    faults.push_back("expected a bbox of 4 numbers, found " + std::to_string(entry.box.size()));
  }
  if (!std::ranges::all_of(entry.box, is_finite)) {
    faults.emplace_back("expected a bbox of finite numbers, found another one");
  }
}

void check_mask(const Entry& entry, std::vector<std::string>& faults) {
  if (!std::ranges::all_of(entry.coordinates, is_near)) {
    faults.emplace_back("expected polygons within 10000000 pixels, found one that is farther away");
  }
  if (entry.mask != Entry::Mask::runs && entry.mask != Entry::Mask::text) return;
  if (entry.mask_size.size() != 2) {
    faults.push_back("expected run lengths with a size of 2 numbers, found " +
                     std::to_string(entry.mask_size.size()));
    return;
  }
  try {
    runs_of(entry);
  } catch (const UserError& error) {
    faults.emplace_back(error.what());
  }
}

}  // namespace

std::vector<std::string> faults_of(const Entry& entry) {
  std::vector<std::string> faults = entry.faults;
  if (!faults.empty()) return faults;  // what else is wrong may follow from these
  const bool is_result = entry.kind == Entry::Kind::result;
  if (!is_result) require(entry.id.has_value(), "an id", faults);
  switch (entry.kind) {
    case Entry::Kind::image:
      check_image(entry, faults);
      return faults;
    case Entry::Kind::category:
      return faults;
    case Entry::Kind::result:
      require(entry.score.has_value(), "a score", faults);
      require(entry.has_box || entry.mask != Entry::Mask::none, "a bbox or a segmentation", faults);
      break;
    case Entry::Kind::annotation:
      require(entry.has_box, "a bbox", faults);
      break;
  }
  require(entry.image_id.has_value(), "an image_id", faults);
  require(entry.category_id.has_value(), "a category_id", faults);
  check_box(entry, faults);
  check_mask(entry, faults);
  return faults;
}

void require_no_fault(const Entry& entry) {
  const std::vector<std::string> faults = faults_of(entry);
  if (!faults.empty()) throw EntryFault(entry.description() + ": " + faults.front());
}

XywhBox box_of(const Entry& entry) {
  XywhBox box{};
  if (entry.box.size() == box.size()) std::ranges::copy(entry.box, box.begin());
  return box;
}

Rle runs_of(const Entry& entry) {
  const Size size{entry.mask_size[0], entry.mask_size[1]};
  return entry.mask == Entry::Mask::runs ? rle_from_runs(size, entry.runs)
                                         : rle_from_text(size, entry.run_text);
}

MaskPlace store_mask(const Entry& entry, MaskStore& masks) {
  switch (entry.mask) {
    case Entry::Mask::none:
    case Entry::Mask::empty:
      return {};
    case Entry::Mask::polygons:
      return masks.add_polygons(entry.coordinates, entry.polygon_sizes);
    case Entry::Mask::runs:
      return masks.add_rle({entry.mask_size[0], entry.mask_size[1]}, rle_text(runs_of(entry)));
    case Entry::Mask::text:
      return masks.add_rle({entry.mask_size[0], entry.mask_size[1]}, entry.run_text);
  }
  return {};
}

}  // namespace convmae::coco
