#include "convmae/report/panel.h"

#include "convmae/report/canvas.h"

#include <algorithm>
#include <stdexcept>

namespace convmae {
namespace {

constexpr Colour kPaper{250, 250, 249};
constexpr Colour kHeadingInk{92, 96, 102};
constexpr Colour kCaptionInk{44, 47, 51};

/// `kept_from` where blocks were kept; `removed_from(row, column)` elsewhere.
template <typename RemovedPixel>
Picture choose(const Picture& kept_from, std::int64_t block, std::span<const std::uint8_t> removed,
               RemovedPixel removed_pixel) {
  const std::int64_t grid_width = block > 0 ? kept_from.width / block : 0;
  if (block < 1 || kept_from.height % block != 0 || kept_from.width % block != 0 ||
      static_cast<std::int64_t>(removed.size()) != kept_from.height / block * grid_width) {
    throw std::invalid_argument("the mask does not fit the picture");
  }
  Picture result = kept_from;
  for (std::int64_t row = 0; row < result.height; ++row) {
    for (std::int64_t column = 0; column < result.width; ++column) {
      const auto index = static_cast<std::size_t>(row / block * grid_width + column / block);
      if (removed[index] != 0) result.set(row, column, removed_pixel(row, column));
    }
  }
  return result;
}

std::int64_t automatic_scale(const Panel& panel) {
  constexpr std::int64_t kComfortable = 160;
  std::int64_t side = 0;
  for (const auto& row : panel.rows) {
    for (const Picture& tile : row.tiles) side = std::max({side, tile.height, tile.width});
  }
  return side == 0 ? 1 : (kComfortable + side - 1) / side;
}

/// Where everything of a panel goes.
struct Layout {
  std::int64_t text_size = 0;
  std::int64_t margin = 0;
  std::int64_t gutter = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::vector<std::int64_t> column_left;
  std::vector<std::int64_t> column_width;
  std::vector<std::int64_t> row_top;
  std::vector<Area> headings;
  std::vector<Area> captions;  ///< of every row; of no height where there is none
};

Layout lay_out(const Panel& panel, std::int64_t scale) {
  Layout layout;
  std::size_t columns = panel.headings.size();
  for (const auto& row : panel.rows) columns = std::max(columns, row.tiles.size());
  layout.column_width.assign(columns, 0);
  for (const auto& row : panel.rows) {
    for (std::size_t i = 0; i < row.tiles.size(); ++i) {
      layout.column_width[i] = std::max(layout.column_width[i], row.tiles[i].width * scale);
    }
  }
  const std::int64_t widest =
      columns == 0 ? 0 : *std::max_element(layout.column_width.begin(), layout.column_width.end());
  layout.text_size = std::max<std::int64_t>(10, widest / 14);
  layout.gutter = std::max<std::int64_t>(4, widest / 28);
  layout.margin = 2 * layout.gutter;

  std::int64_t left = layout.margin;
  for (const std::int64_t width : layout.column_width) {
    layout.column_left.push_back(left);
    left += width + layout.gutter;
  }
  layout.width = std::max(left - layout.gutter, layout.margin) + layout.margin;

  std::int64_t top = layout.margin;
  std::int64_t tallest = 0;
  for (std::size_t i = 0; i < panel.headings.size(); ++i) {
    const std::int64_t height = line_height(panel.headings[i], layout.text_size);
    layout.headings.push_back({top, layout.column_left[i], height, layout.column_width[i]});
    tallest = std::max(tallest, height);
  }
  if (tallest > 0) top += tallest + layout.gutter;
  for (std::size_t i = 0; i < panel.rows.size(); ++i) {
    const auto& row = panel.rows[i];
    layout.row_top.push_back(top);
    for (const Picture& tile : row.tiles) {
      top = std::max(top, layout.row_top.back() + tile.height * scale);
    }
    Area caption{top + layout.gutter, layout.margin, 0, layout.width - 2 * layout.margin};
    if (row.tiles.empty()) caption.row = top;
    if (!row.caption.empty()) {
      caption.height = line_height(row.caption, layout.text_size);
      top = caption.row + caption.height;
    }
    layout.captions.push_back(caption);
    const bool last = i + 1 == panel.rows.size();
    if (!last) top += row.caption.empty() ? layout.gutter : 2 * layout.gutter;
  }
  layout.height = top + layout.margin;
  return layout;
}

void write(Picture& sheet, const Area& line, const std::string& text, const Lettering& lettering,
           MissingFonts& missing) {
  Canvas(sheet, line).text(0, 0, line.width, text, lettering, missing);
}

}  // namespace

Picture hide_removed(const Picture& picture, std::int64_t block,
                     std::span<const std::uint8_t> removed) {
  return choose(picture, block, removed, [](std::int64_t, std::int64_t) { return kRemovedColour; });
}

Picture paste_visible(const Picture& original, const Picture& prediction, std::int64_t block,
                      std::span<const std::uint8_t> removed) {
  if (prediction.height != original.height || prediction.width != original.width) {
    throw std::invalid_argument("original and prediction differ in size");
  }
  return choose(original, block, removed, [&prediction](std::int64_t row, std::int64_t column) {
    return prediction.at(row, column);
  });
}

Picture compose(const Panel& panel, MissingFonts& missing, std::int64_t scale) {
  if (scale == 0) scale = automatic_scale(panel);
  const Layout layout = lay_out(panel, scale);
  Picture sheet(layout.height, layout.width, kPaper);
  for (std::size_t i = 0; i < panel.headings.size(); ++i) {
    write(sheet, layout.headings[i], panel.headings[i], {layout.text_size, kHeadingInk}, missing);
  }
  for (std::size_t i = 0; i < panel.rows.size(); ++i) {
    const auto& row = panel.rows[i];
    const std::int64_t top = layout.row_top[i];
    if (!row.caption.empty()) {
      write(sheet, layout.captions[i], row.caption, {layout.text_size, kCaptionInk}, missing);
    }
    for (std::size_t j = 0; j < row.tiles.size(); ++j) {
      copy_into(sheet, enlarge(row.tiles[j], scale), top, layout.column_left[j]);
    }
  }
  return sheet;
}

Panel reconstruction_panel(const std::vector<Reconstruction>& reconstructions,
                           const std::string& note) {
  Panel panel;
  panel.headings = {"original", "masked", "prediction", "with visible"};
  for (const Reconstruction& item : reconstructions) {
    for (std::size_t i = 0; i < item.views.size(); ++i) {
      const auto& view = item.views[i];
      Panel::Row row;
      row.tiles = {i == 0 ? item.original : Picture{},
                   hide_removed(item.original, item.block, view.removed), view.prediction,
                   paste_visible(item.original, view.prediction, item.block, view.removed)};
      if (i + 1 == item.views.size()) row.caption = item.caption;
      panel.rows.push_back(std::move(row));
    }
  }
  if (!note.empty()) panel.rows.push_back({{}, note});
  return panel;
}

}  // namespace convmae
