#pragma once

#include "convmae/coco/entries.h"

#include <string_view>

namespace convmae::coco {

/// The members of entries that are read; the others are skipped, whatever they hold.
enum class Field {
  other,
  id,
  image_id,
  category_id,
  height,
  width,
  crowd,
  area,
  score,
  name,
  box,
  segmentation
};

/// The member of that name in entries of that kind.
Field field_of(std::string_view name, Entry::Kind kind);

/// Its name there.
std::string_view name_of(Field field, Entry::Kind kind);

/// What it must be: "a whole number" and the like.
const char* type_of(Field field);

}  // namespace convmae::coco
