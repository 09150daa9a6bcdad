#pragma once

#include "convmae/report/missing_fonts.h"
#include "convmae/report/picture.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace convmae {

/// What stands where a block was removed.
inline constexpr Colour kRemovedColour{198, 200, 204};

/// `picture` with removed blocks painted over. `removed` is the mask in raster order, one byte a
/// block, 1 = removed, 0 = kept; `block` is a block's side in pixels and divides the picture's
/// sides.
Picture hide_removed(const Picture& picture, std::int64_t block,
                     std::span<const std::uint8_t> removed);

/// `prediction` with the kept blocks of `original` pasted over it.
Picture paste_visible(const Picture& original, const Picture& prediction, std::int64_t block,
                      std::span<const std::uint8_t> removed);

/// A sheet of tiles. Tiles of any sizes may be mixed; an empty picture leaves its place free.
struct Panel {
  struct Row {
    std::vector<Picture> tiles;
    /// Drawn below the row; a row without caption stands close to the one below it.
    std::string caption;
  };
  std::vector<std::string> headings;  ///< over the columns of the first row; may be empty
  std::vector<Row> rows;
};

/// Draws the panel. `scale` repeats the tiles' pixels; 0 chooses a whole number that makes small
/// tiles large enough to look at (28 and 64 pixels become 168 and 192, from 160 on they stay).
/// Text that has no room is shortened. Throws UserError in a build that does not draw (canvas.h).
Picture compose(const Panel& panel, MissingFonts& missing, std::int64_t scale = 0);

/// What a model makes of one image under one or (FastConvMAE) several masks.
struct Reconstruction {
  struct View {
    Picture prediction;
    std::vector<std::uint8_t> removed;  ///< as for hide_removed
  };
  Picture original;
  std::int64_t block = 0;
  std::vector<View> views;
  std::string caption;
};

/// Rows of original, masked, prediction, prediction with the visible pixels pasted; one row a view,
/// the original only in the first. All pictures of a reconstruction have one size. `note`, if there
/// is one, stands below all of them.
Panel reconstruction_panel(const std::vector<Reconstruction>& reconstructions,
                           const std::string& note = "");

}  // namespace convmae
