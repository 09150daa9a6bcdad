#pragma once

#include "convmae/data/image.h"

#include <cstdint>
#include <optional>

namespace convmae::decoders {

/// What the numbers of a TIFF's pixel stand for, in the order in which they are stored: colours,
/// then alpha and whatever else.
struct TiffColour {
  enum class Space { grey, rgb, cmyk, cie_lab, icc_lab };
  Space space = Space::grey;
  std::int64_t colours = 1;
  bool zero_is_white = false;
  /// The sample by which the colours have been multiplied.
  std::optional<std::int64_t> associated_alpha = std::nullopt;
};

/// How many channels `to_visible` leaves.
std::int64_t visible_channels(const TiffColour& colour);

/// In place: grey, RGB or bands of a file's own out of its samples as they are stored. Colours are
/// divided by their associated alpha (black where it is 0), inverted where 0 is white, and computed
/// from CMYK as Pillow does and from Lab as sRGB; what lies behind them is dropped.
void to_visible(const TiffColour& colour, Image& image);

/// In place: colours of which 0 is white become those of which 0 is black, alpha stays.
void make_zero_black(const TiffColour& colour, Image& image);

}  // namespace convmae::decoders
