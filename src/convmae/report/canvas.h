#pragma once

#include "convmae/report/missing_fonts.h"
#include "convmae/report/picture.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// Why this build cannot draw, and what to do about it: cairo and Pango, which do it, may be left
/// out (CONVMAE_DRAWING). Empty if it can. Where it is not, all else here throws UserError with it.
std::string why_nothing_is_drawn();

/// A rectangle of a picture, in pixels.
struct Area {
  std::int64_t row = 0;
  std::int64_t column = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
};

struct Lettering {
  std::int64_t size = 0;  ///< pixels of an em: capitals have about 0.7 of it
  Colour ink;
};

struct Paint {
  Colour colour;
  double opacity = 1;  ///< 0: nothing is seen of it
};

/// A closed line through x0, y0, x1, y1, ... in pixels.
using ClosedLine = std::vector<double>;

/// The height in pixels of a line with that text, which depends on the fonts that it needs.
std::int64_t line_height(std::string_view text, std::int64_t size);
/// The width in pixels of all of that text.
std::int64_t text_width(std::string_view text, std::int64_t size);

/// Draws on a part of a picture: nothing outside of it changes. What is drawn is in the picture
/// when the canvas is gone. Rows and columns count from the part's top left corner.
class Canvas {
 public:
  /// The part of `area` that lies in the picture, at most 32767 pixels a side.
  Canvas(Picture& picture, Area area);
  ~Canvas();
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  /// One line of text from the left end of the place's top, shortened in its middle if it is wider
  /// than `width` pixels: names differ in their beginnings and endings. It is any bytes, in any
  /// script. Characters that no font has become boxes and are added to `missing`.
  void text(std::int64_t row, std::int64_t column, std::int64_t width, std::string_view text,
            const Lettering& lettering, MissingFonts& missing);
  /// Paints what an odd number of the lines goes around.
  void fill(std::span<const ClosedLine> lines, const Paint& paint);
  /// Paints the lines themselves, `width` pixels wide.
  void stroke(std::span<const ClosedLine> lines, double width, const Paint& paint);

 private:
  struct Surface;
  std::unique_ptr<Surface> surface_;
};

}  // namespace convmae
