#include "convmae/coco/mask_store.h"

#include "convmae/base/error.h"
#include "convmae/coco/polygon.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace convmae::coco {
namespace {

constexpr double kParts = 100;

/// The whole number of hundredths from which division makes `value` again.
std::optional<std::int32_t> as_hundredths(double value) {
  constexpr double kMost = std::numeric_limits<std::int32_t>::max();
  const double parts = std::nearbyint(value * kParts);
  // -0.0 would lose its sign, which no reader sees.
  if (!(std::abs(parts) <= kMost) || parts / kParts != value) return std::nullopt;
  return static_cast<std::int32_t>(parts);
}

std::uint32_t next_place(const std::vector<std::uint32_t>& parts) {
  if (parts.size() > std::numeric_limits<std::uint32_t>::max() - 2) {
    throw UserError("expected at most 4294967293 polygons in a file, found more");
  }
  return static_cast<std::uint32_t>(parts.size());
}

Rle draw_part(Size image, std::span<const double> part, bool boxes) {
  if (boxes && part.size() == 4) {
    return rle_from_box(image, {part[0], part[1], part[2], part[3]});
  }
  return rle_from_polygon(image, part);
}

}  // namespace

MaskPlace MaskStore::add_polygons(std::span<const double> coordinates,
                                  std::span<const std::uint32_t> sizes) {
  MaskPlace place;
  place.parts = next_place(parts_);
  place.polygons = static_cast<std::uint32_t>(sizes.size());
  place.begin = hundredths_.size();
  place.kind = MaskPlace::Kind::polygons;
  parts_.insert(parts_.end(), sizes.begin(), sizes.end());
  for (const double value : coordinates) {
    const std::optional<std::int32_t> parts = as_hundredths(value);
    if (!parts) {
      hundredths_.resize(place.begin);
      place.begin = exact_.size();
      place.kind = MaskPlace::Kind::exact_polygons;
      exact_.insert(exact_.end(), coordinates.begin(), coordinates.end());
      break;
    }
    hundredths_.push_back(*parts);
  }
  return place;
}

MaskPlace MaskStore::add_rle(Size size, std::string_view text) {
  mask_pixels(size);  // both sides fit
  if (text.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw UserError("expected run lengths in less than 4 GiB of text, found more");
  }
  MaskPlace place;
  place.kind = MaskPlace::Kind::rle;
  place.begin = text_.size();
  place.size = static_cast<std::uint32_t>(text.size());
  place.parts = next_place(parts_);
  text_ += text;
  parts_.push_back(static_cast<std::uint32_t>(size.height));
  parts_.push_back(static_cast<std::uint32_t>(size.width));
  return place;
}

void MaskStore::copy_coordinates(const MaskPlace& place, std::uint64_t begin,
                                 std::span<double> out) const {
  if (place.kind == MaskPlace::Kind::exact_polygons) {
    std::copy_n(exact_.begin() + static_cast<std::ptrdiff_t>(begin), out.size(), out.begin());
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = hundredths_[begin + i] / kParts;
}

std::vector<std::vector<double>> MaskStore::polygons(const MaskPlace& place) const {
  std::vector<std::vector<double>> polygons;
  polygons.reserve(place.polygons);
  std::uint64_t begin = place.begin;
  for (const std::uint32_t size : polygon_sizes(place)) {
    copy_coordinates(place, begin, polygons.emplace_back(size));
    begin += size;
  }
  return polygons;
}

std::span<const std::uint32_t> MaskStore::polygon_sizes(const MaskPlace& place) const {
  if (!place.has_polygons()) return {};
  return std::span(parts_).subspan(place.parts, place.polygons);
}

std::string_view MaskStore::text(const MaskPlace& place) const {
  if (!place.is_rle()) return {};
  return std::string_view(text_).substr(place.begin, place.size);
}

Size MaskStore::rle_size(const MaskPlace& place) const {
  if (!place.is_rle()) return {};
  return {parts_[place.parts], parts_[place.parts + 1]};
}

void MaskStore::draw(const MaskPlace& place, Size image, Rle& rle) const {
  if (place.is_rle()) {
    read_rle_text(rle_size(place), text(place), rle);
    return;
  }
  std::vector<std::vector<double>> all = polygons(place);
  std::erase_if(all, [](const auto& part) { return part.size() < 2; });
  if (all.empty()) {
    rle = {image, {static_cast<std::uint32_t>(mask_pixels(image))}};
    return;
  }
  const bool boxes = all.front().size() == 4;
  std::vector<Rle> masks;
  masks.reserve(all.size());
  for (const std::vector<double>& part : all) masks.push_back(draw_part(image, part, boxes));
  rle = rle_union(masks);
}

}  // namespace convmae::coco
