#pragma once

#include "convmae/coco/rle.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace convmae::coco {

/// Where a mask lies in a MaskStore.
struct MaskPlace {
  enum class Kind : std::uint8_t { none, polygons, exact_polygons, rle };

  std::uint64_t begin = 0;  ///< of the coordinates, or of the text
  std::uint32_t size = 0;   ///< bytes of the text
  std::uint32_t parts = 0;  ///< where the sizes of the polygons begin, or height and width
  std::uint32_t polygons = 0;
  Kind kind = Kind::none;

  bool is_rle() const { return kind == Kind::rle; }
  bool has_polygons() const { return kind == Kind::polygons || kind == Kind::exact_polygons; }
};

/// Masks of many objects as a file has them, in little memory: run lengths as pycocotools' text,
/// and coordinates that are hundredths of a pixel, as COCO's are, in four bytes instead of eight.
/// What comes out is what went in, to the bit.
class MaskStore {
 public:
  /// `coordinates` of all polygons, one after the other; `sizes` says how many each has.
  MaskPlace add_polygons(std::span<const double> coordinates, std::span<const std::uint32_t> sizes);
  MaskPlace add_rle(Size size, std::string_view text);

  std::vector<std::vector<double>> polygons(const MaskPlace& place) const;
  /// How many coordinates each polygon has.
  std::span<const std::uint32_t> polygon_sizes(const MaskPlace& place) const;
  std::string_view text(const MaskPlace& place) const;
  /// The size that run lengths are of.
  Size rle_size(const MaskPlace& place) const;

  /// The mask on an image of `image` pixels, as pycocotools draws it: the union of the polygons,
  /// or boxes where the first "polygon" is four numbers; empty if there is none. Run lengths have a
  /// size of their own. Throws UserError for run lengths that are none and points too far away.
  void draw(const MaskPlace& place, Size image, Rle& rle) const;

 private:
  void copy_coordinates(const MaskPlace& place, std::uint64_t begin, std::span<double> out) const;

  std::vector<std::int32_t> hundredths_;
  std::vector<double> exact_;
  std::vector<std::uint32_t> parts_;
  std::string text_;
};

}  // namespace convmae::coco
