// In place of canvas.cpp in a build that draws nothing.

#include "convmae/base/error.h"
#include "convmae/report/canvas.h"

namespace convmae {

struct Canvas::Surface {};

std::string why_nothing_is_drawn() {
  return "this build of convmae draws no pictures, for want of cairo and Pango: install "
         "libcairo2-dev and libpango1.0-dev and build again with -DCONVMAE_DRAWING=ON";
}

std::int64_t line_height(std::string_view /*text*/, std::int64_t /*size*/) {
  throw UserError(why_nothing_is_drawn());
}

std::int64_t text_width(std::string_view /*text*/, std::int64_t /*size*/) {
  throw UserError(why_nothing_is_drawn());
}

Canvas::Canvas(Picture& /*picture*/, Area /*area*/) { throw UserError(why_nothing_is_drawn()); }

Canvas::~Canvas() = default;

void Canvas::text(std::int64_t /*row*/, std::int64_t /*column*/, std::int64_t /*width*/,
                  std::string_view /*text*/, const Lettering& /*lettering*/,
                  MissingFonts& /*missing*/) {}

void Canvas::fill(std::span<const ClosedLine> /*lines*/, const Paint& /*paint*/) {}

void Canvas::stroke(std::span<const ClosedLine> /*lines*/, double /*width*/,
                    const Paint& /*paint*/) {}

}  // namespace convmae
