#include "convmae/data/decode/exif.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace convmae {
namespace {

constexpr std::size_t kMark = 6;  // "Exif\0\0"

/// Numbers of either byte order, at checked positions.
class TiffView {
 public:
  TiffView(EncodedBytes bytes, bool little_endian) : bytes_(bytes), little_endian_(little_endian) {}

  std::optional<std::uint32_t> number(std::size_t at, std::size_t width) const {
    if (at > bytes_.size() || width > bytes_.size() - at) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < width; ++i) {
      value = (value << 8) | bytes_[at + (little_endian_ ? width - 1 - i : i)];
    }
    return value;
  }

 private:
  EncodedBytes bytes_;
  bool little_endian_;
};

/// The first number of a directory's entry, as the types that writers use have it.
std::optional<std::uint32_t> value_of_entry(const TiffView& view, std::size_t entry) {
  constexpr std::uint32_t kByte = 1;
  constexpr std::uint32_t kShort = 3;
  constexpr std::uint32_t kLong = 4;
  const std::uint32_t type = view.number(entry + 2, 2).value_or(0);
  if (type != kByte && type != kShort && type != kLong) return std::nullopt;
  return view.number(entry + 8, type == kByte ? 1 : type == kShort ? 2 : 4);
}

bool is_marked(EncodedBytes block) {
  return block.size() >= kMark && std::memcmp(block.data(), "Exif\0", 5) == 0;
}

}  // namespace

int orientation_of_exif(EncodedBytes block) {
  constexpr std::uint32_t kOrientationTag = 0x0112;
  const EncodedBytes tiff = is_marked(block) ? block.subspan(kMark) : block;
  if (tiff.size() < 8) return 1;
  const TiffView view(tiff, tiff[0] == 'I');
  const auto directory = view.number(4, 4);
  if (!directory) return 1;
  const auto entries = view.number(*directory, 2);
  for (std::uint32_t i = 0; i < entries.value_or(0); ++i) {
    const std::size_t entry = std::size_t{*directory} + 2 + std::size_t{i} * 12;
    const auto tag = view.number(entry, 2);
    if (!tag) return 1;
    if (*tag != kOrientationTag) continue;
    const std::uint32_t value = value_of_entry(view, entry).value_or(1);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

int orientation_of_jpeg(EncodedBytes encoded) {
  std::size_t at = 2;  // behind the start-of-image marker
  while (at + 4 <= encoded.size() && encoded[at] == 0xFF) {
    const std::uint8_t marker = encoded[at + 1];
    if (marker == 0xFF) {  // a fill byte
      ++at;
      continue;
    }
    const bool scan_or_end = marker == 0xDA || marker == 0xD9;
    const std::size_t length = std::size_t{encoded[at + 2]} << 8 | encoded[at + 3];
    if (scan_or_end || length < 2 || length > encoded.size() - at - 2) return 1;
    const EncodedBytes segment = encoded.subspan(at + 4, length - 2);
    if (marker == 0xE1 && is_marked(segment)) return orientation_of_exif(segment);
    at += 2 + length;
  }
  return 1;
}

void apply_orientation(Image& image, int orientation) {
  if (orientation < 2 || orientation > 8) return;
  // Orientations 5..8 exchange rows and columns; which ends are exchanged follows from the position
  // of the stored row 0 and column 0 (EXIF 2.3, 4.6.4).
  const bool transpose = orientation >= 5;
  const bool mirror_rows =
      orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const bool mirror_columns =
      orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const Size stored = image.size();
  const Size upright = transpose ? Size{stored.width, stored.height} : stored;
  Image turned(upright, image.channels(), image.type());
  const std::int64_t pixel = image.channels() * bytes_per_value(image.type());
  for (std::int64_t y = 0; y < upright.height; ++y) {
    const std::int64_t from_y = mirror_rows ? upright.height - 1 - y : y;
    for (std::int64_t x = 0; x < upright.width; ++x) {
      const std::int64_t from_x = mirror_columns ? upright.width - 1 - x : x;
      const std::int64_t source =
          transpose ? from_x * stored.width + from_y : from_y * stored.width + from_x;
      std::memcpy(turned.bytes() + (y * upright.width + x) * pixel, image.bytes() + source * pixel,
                  static_cast<std::size_t>(pixel));
    }
  }
  image = std::move(turned);
}

}  // namespace convmae
