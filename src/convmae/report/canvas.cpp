#include "convmae/report/canvas.h"

#include "convmae/base/quote.h"

#include <algorithm>
#include <cstddef>
#include <new>
#include <pango/pangocairo.h>
#include <string>
#include <utility>

namespace convmae {
namespace {

struct Unref {
  void operator()(PangoLayout* layout) const { g_object_unref(layout); }
  void operator()(PangoContext* context) const { g_object_unref(context); }
  void operator()(PangoFontDescription* font) const { pango_font_description_free(font); }
  void operator()(PangoLayoutIter* place) const { pango_layout_iter_free(place); }
  void operator()(cairo_font_options_t* options) const { cairo_font_options_destroy(options); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  void operator()(cairo_t* pen) const { cairo_destroy(pen); }
};

template <typename T>
using Owned = std::unique_ptr<T, Unref>;

void dip(cairo_t* pen, const Paint& paint) {
  const Colour colour = paint.colour;
  cairo_set_source_rgba(pen, colour.red / 255.0, colour.green / 255.0, colour.blue / 255.0,
                        paint.opacity);
}

void trace(cairo_t* pen, std::span<const ClosedLine> lines) {
  for (const ClosedLine& line : lines) {
    cairo_new_sub_path(pen);
    for (std::size_t i = 0; i + 1 < line.size(); i += 2) cairo_line_to(pen, line[i], line[i + 1]);
    if (!line.empty()) cairo_close_path(pen);
  }
}

/// One line of text, however wide.
Owned<PangoLayout> lay_out_line(std::string_view text, std::int64_t size) {
  constexpr std::size_t kLongest = 2'000;  // bytes; far more than any line of a picture shows
  const Owned<PangoContext> context(
      pango_font_map_create_context(pango_cairo_font_map_get_default()));
  // Grey edges: a desktop's settings for its screen would give coloured ones.
  const Owned<cairo_font_options_t> options(cairo_font_options_create());
  cairo_font_options_set_antialias(options.get(), CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options.get(), CAIRO_HINT_STYLE_SLIGHT);
  pango_cairo_context_set_font_options(context.get(), options.get());
  // What we write around a name runs from left to right, whatever the name does.
  pango_context_set_base_dir(context.get(), PANGO_DIRECTION_LTR);

  Owned<PangoLayout> layout(pango_layout_new(context.get()));
  pango_layout_set_auto_dir(layout.get(), FALSE);
  pango_layout_set_single_paragraph_mode(layout.get(), TRUE);
  const Owned<PangoFontDescription> font(pango_font_description_from_string("sans"));
  pango_font_description_set_absolute_size(font.get(), static_cast<double>(size * PANGO_SCALE));
  pango_layout_set_font_description(layout.get(), font.get());
  const std::string shown = brief(text, kLongest);
  pango_layout_set_text(layout.get(), shown.c_str(), static_cast<int>(shown.size()));
  return layout;
}

std::int64_t height_of(PangoLayout* line, std::int64_t size) {
  int height = 0;
  pango_layout_get_pixel_size(line, nullptr, &height);
  // No script is lower or higher; where there are no fonts at all, Pango's number may be anything.
  return std::clamp<std::int64_t>(height, size, 4 * size);
}

void add_unknown(PangoLayout* layout, MissingFonts& missing) {
  if (pango_layout_get_unknown_glyphs_count(layout) == 0) return;
  const Owned<PangoLayoutIter> place(pango_layout_get_iter(layout));
  do {
    const PangoLayoutRun* const run = pango_layout_iter_get_run_readonly(place.get());
    if (run == nullptr) continue;  // the end of the line
    for (int i = 0; i < run->glyphs->num_glyphs; ++i) {
      const PangoGlyph glyph = run->glyphs->glyphs[i].glyph;
      if ((glyph & PANGO_GLYPH_UNKNOWN_FLAG) != 0) missing.add(glyph & ~PANGO_GLYPH_UNKNOWN_FLAG);
    }
  } while (pango_layout_iter_next_run(place.get()) != FALSE);
}

struct Range {
  std::int64_t first = 0;
  std::int64_t length = 0;
};

/// What of a range lies in 0..all, as far as a surface of cairo's reaches.
Range within(Range range, std::int64_t all) {
  constexpr std::int64_t kMostPixels = 32'767;
  const std::int64_t first = std::clamp<std::int64_t>(range.first, 0, all);
  const std::int64_t length = range.first + range.length - first;
  return {first, std::clamp<std::int64_t>(length, 0, std::min(all - first, kMostPixels))};
}

Area within(const Picture& picture, const Area& area) {
  const Range rows = within({area.row, area.height}, picture.height);
  const Range columns = within({area.column, area.width}, picture.width);
  return {rows.first, columns.first, rows.length, columns.length};
}

}  // namespace

struct Canvas::Surface {
  Picture& picture;
  Area area;  ///< of the picture; where the surface's pixels come from and go to
  Owned<cairo_surface_t> pixels;
  Owned<cairo_t> pen;

  /// Calls `use(byte of the picture, pixel of the surface)` for each pixel, three bytes of red,
  /// green and blue and a number with red in its bits 16 to 23.
  template <typename Use>
  void for_each_pixel(Use use) {
    cairo_surface_flush(pixels.get());
    unsigned char* const first = cairo_image_surface_get_data(pixels.get());
    const std::int64_t stride = cairo_image_surface_get_stride(pixels.get());
    for (std::int64_t row = 0; row < area.height; ++row) {
      auto* pixel = reinterpret_cast<std::uint32_t*>(first + row * stride);
      const std::int64_t index = (area.row + row) * picture.width + area.column;
      std::uint8_t* byte = picture.rgb.data() + index * 3;
      for (std::int64_t column = 0; column < area.width; ++column, byte += 3) use(byte, *pixel++);
    }
  }
};

std::string why_nothing_is_drawn() { return ""; }

std::int64_t line_height(std::string_view text, std::int64_t size) {
  return height_of(lay_out_line(text, size).get(), size);
}

std::int64_t text_width(std::string_view text, std::int64_t size) {
  int width = 0;
  pango_layout_get_pixel_size(lay_out_line(text, size).get(), &width, nullptr);
  return width;
}

Canvas::Canvas(Picture& picture, Area area)
    : surface_(new Surface{picture, within(picture, area), nullptr, nullptr}) {
  surface_->pixels.reset(cairo_image_surface_create(CAIRO_FORMAT_RGB24,
                                                    static_cast<int>(surface_->area.width),
                                                    static_cast<int>(surface_->area.height)));
  if (cairo_surface_status(surface_->pixels.get()) != CAIRO_STATUS_SUCCESS) throw std::bad_alloc();
  surface_->for_each_pixel([](const std::uint8_t* rgb, std::uint32_t& pixel) {
    pixel = std::uint32_t{rgb[0]} << 16 | std::uint32_t{rgb[1]} << 8 | rgb[2];
  });
  cairo_surface_mark_dirty(surface_->pixels.get());
  surface_->pen.reset(cairo_create(surface_->pixels.get()));
  // The canvas's own corner is where the caller put it, even if that is outside of the picture.
  cairo_translate(surface_->pen.get(), static_cast<double>(area.column - surface_->area.column),
                  static_cast<double>(area.row - surface_->area.row));
}

Canvas::~Canvas() {
  surface_->for_each_pixel([](std::uint8_t* rgb, std::uint32_t pixel) {
    rgb[0] = static_cast<std::uint8_t>(pixel >> 16);
    rgb[1] = static_cast<std::uint8_t>(pixel >> 8);
    rgb[2] = static_cast<std::uint8_t>(pixel);
  });
}

void Canvas::text(std::int64_t row, std::int64_t column, std::int64_t width, std::string_view text,
                  const Lettering& lettering, MissingFonts& missing) {
  const Owned<PangoLayout> layout = lay_out_line(text, lettering.size);
  constexpr std::int64_t kWidest = 1'000'000;  // Pango counts in 1024ths of a pixel
  pango_layout_set_width(layout.get(), static_cast<int>(std::min(width, kWidest) * PANGO_SCALE));
  pango_layout_set_ellipsize(layout.get(), PANGO_ELLIPSIZE_MIDDLE);
  add_unknown(layout.get(), missing);

  cairo_t* const pen = surface_->pen.get();
  cairo_save(pen);
  // Where not even the dots have room they would stand out.
  cairo_rectangle(pen, static_cast<double>(column), static_cast<double>(row),
                  static_cast<double>(width),
                  static_cast<double>(height_of(layout.get(), lettering.size)));
  cairo_clip(pen);
  dip(pen, {lettering.ink});
  cairo_move_to(pen, static_cast<double>(column), static_cast<double>(row));
  pango_cairo_show_layout(pen, layout.get());
  cairo_restore(pen);
}

void Canvas::fill(std::span<const ClosedLine> lines, const Paint& paint) {
  cairo_t* const pen = surface_->pen.get();
  trace(pen, lines);
  dip(pen, paint);
  cairo_set_fill_rule(pen, CAIRO_FILL_RULE_EVEN_ODD);
  cairo_fill(pen);
}

void Canvas::stroke(std::span<const ClosedLine> lines, double width, const Paint& paint) {
  cairo_t* const pen = surface_->pen.get();
  trace(pen, lines);
  dip(pen, paint);
  cairo_set_line_width(pen, width);
  cairo_set_line_join(pen, CAIRO_LINE_JOIN_ROUND);
  cairo_stroke(pen);
}

}  // namespace convmae
