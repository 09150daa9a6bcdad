#include "convmae/coco/entry_fields.h"

#include <algorithm>
#include <array>
#include <string>

namespace convmae::coco {
namespace {

struct Member {
  std::string_view name;
  Field field;
  /// Which entries have it.
  bool image, category, annotation, result;

  bool belongs_to(Entry::Kind kind) const {
    switch (kind) {
      case Entry::Kind::image:
        return image;
      case Entry::Kind::category:
        return category;
      case Entry::Kind::annotation:
        return annotation;
      case Entry::Kind::result:
        return result;
    }
    return false;
  }
};

constexpr bool kYes = true;
constexpr bool kNo = false;
constexpr std::array<Member, 12> kMembers{
    {{"id", Field::id, kYes, kYes, kYes, kNo},
     {"image_id", Field::image_id, kNo, kNo, kYes, kYes},
     {"category_id", Field::category_id, kNo, kNo, kYes, kYes},
     {"height", Field::height, kYes, kNo, kNo, kNo},
     {"width", Field::width, kYes, kNo, kNo, kNo},
     {"iscrowd", Field::crowd, kNo, kNo, kYes, kNo},
     {"area", Field::area, kNo, kNo, kYes, kNo},
     {"score", Field::score, kNo, kNo, kNo, kYes},
     {"file_name", Field::name, kYes, kNo, kNo, kNo},
     {"name", Field::name, kNo, kYes, kNo, kNo},
     {"bbox", Field::box, kNo, kNo, kYes, kYes},
     {"segmentation", Field::segmentation, kNo, kNo, kYes, kYes}}};

const char* kind_name(Entry::Kind kind) {
  switch (kind) {
    case Entry::Kind::image:
      return "image";
    case Entry::Kind::category:
      return "category";
    case Entry::Kind::result:
      return "result";
    case Entry::Kind::annotation:
      break;
  }
  return "annotation";
}

}  // namespace

Field field_of(std::string_view name, Entry::Kind kind) {
  const auto* const found = std::ranges::find_if(kMembers, [&](const Member& member) {
    return name == member.name && member.belongs_to(kind);
  });
  return found == kMembers.end() ? Field::other : found->field;
}

std::string_view name_of(Field field, Entry::Kind kind) {
  const auto* const found = std::ranges::find_if(kMembers, [&](const Member& member) {
    return field == member.field && member.belongs_to(kind);
  });
  return found == kMembers.end() ? "" : found->name;
}

const char* type_of(Field field) {
  switch (field) {
    case Field::area:
    case Field::score:
      return "a number";
    case Field::name:
      return "text";
    case Field::box:
      return "a list of 4 numbers";
    case Field::segmentation:
      return "a list of polygons or run lengths";
    default:
      return "a whole number";
  }
}

std::string Entry::description() const {
  std::string text = kind_name(kind);
  if (id) return text + " with id " + std::to_string(*id);
  text += " number " + std::to_string(position + 1) + " of the list";
  if (image_id) text += " (image_id " + std::to_string(*image_id) + ")";
  return text;
}

}  // namespace convmae::coco
