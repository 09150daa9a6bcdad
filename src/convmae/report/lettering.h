#pragma once

#include "convmae/report/picture.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace convmae {

// Small lettering for pictures that leave the program without a page around them. Letters are
// strokes on a grid of units, a capital being 7 units high: stems fall on whole pixels at any whole
// `scale` (pixels per unit), and slanted and rounded strokes are smoothed.

/// Height of a line of text in units: capitals, and two units for what hangs below the baseline.
inline constexpr std::int64_t kLetterHeight = 9;

/// Width of `text` in pixels. Characters outside printable ASCII count, and are drawn, as '?'.
std::int64_t text_width(std::string_view text, std::int64_t scale);

/// `text`, shortened with "..." if it is wider than `width` pixels.
std::string fit_text(std::string_view text, std::int64_t scale, std::int64_t width);

/// Draws `text` with the top left corner at (row, column); what lies outside the picture is cut
/// off.
void draw_text(Picture& picture, std::int64_t row, std::int64_t column, std::string_view text,
               std::int64_t scale, Colour colour);

}  // namespace convmae
