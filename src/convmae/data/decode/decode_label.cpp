#include "convmae/data/decode/decode_label.h"

#include "convmae/base/error.h"
#include "convmae/data/decode/decoders.h"
#include "convmae/data/decode/png_reader.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace convmae {
namespace {

using decoders::ImageClaim;
using decoders::PngReader;

/// As stored.
DecodeOptions limits_of(const LabelDecodeOptions& options) {
  DecodeOptions limits;
  limits.channels = 0;
  limits.max_pixels = options.max_pixels;
  return limits;
}

Image ids_of_colours(const Image& colours, const LabelPalette& palette) {
  Image ids(colours.size(), 1, PixelType::uint16);
  Rgb last{};
  std::optional<std::uint16_t> id = palette.id_of(last);
  for (std::int64_t y = 0; y < colours.height(); ++y) {
    const auto* from = colours.row<std::uint8_t>(y);
    auto* const to = ids.row<std::uint16_t>(y);
    for (std::int64_t x = 0; x < colours.width(); ++x, from += 3) {
      const Rgb colour{from[0], from[1], from[2]};
      if (colour != last) id = palette.id_of(last = colour);
      if (!id) {
        throw UserError("found the colour " + colour_text(colour) + " at row " + std::to_string(y) +
                        ", column " + std::to_string(x) +
                        ", which the palette does not list: add it there, or repair the file");
      }
      to[x] = *id;
    }
  }
  return ids;
}

void decode_png(EncodedBytes encoded, const LabelDecodeOptions& options, Image& ids) {
  const DecodeOptions limits = limits_of(options);
  PngReader reader(encoded);
  reader.read_header(/*keep_exif=*/false);
  const bool is_colour = reader.has_colours() && !reader.has_palette();
  const bool is_wide = reader.bits() == 16;
  ImageClaim claim =
      reader.claim(is_colour ? 3 : 1, is_wide ? PixelType::uint16 : PixelType::uint8);
  // Alpha is read before it is left out.
  claim.work_per_pixel = is_wide ? 2 : 1;
  if (is_colour) claim.work_per_pixel += std::int64_t{sizeof(std::uint16_t)};
  check_claim("PNG", claim, limits);
  if (is_colour && is_wide) {
    throw UserError(
        "expected a label PNG of numbers or of colours of 8 bits, found colours of 16: "
        "save palette indices or grey values");
  }
  if (is_colour && (options.palette == nullptr || options.palette->empty())) {
    throw UserError(
        "expected a label PNG of palette indices or grey values, found colours: give "
        "the file that says what they mean as --palette, or save one number a pixel");
  }
  reader.read_pixels(PngReader::As::numbers, ids);
  if (is_colour) ids = ids_of_colours(ids, *options.palette);
}

}  // namespace

void decode_label(EncodedBytes encoded, const LabelDecodeOptions& options, Image& ids) {
  switch (sniff_image_format(encoded)) {
    case ImageFormat::png:
      return decode_png(encoded, options, ids);
    case ImageFormat::npy:
      decoders::npy(encoded, limits_of(options), ids);
      if (ids.channels() == 1 && ids.type() != PixelType::float32) return;
      throw UserError("expected a .npy of one uint8 or uint16 a pixel as labels, found " +
                      std::to_string(ids.channels()) + " of " + to_string(ids.type()) +
                      ": convert it with numpy's astype");
    default:
      throw UserError(encoded.empty() ? "the file is empty: expected labels"
                                      : "expected a PNG or .npy of labels, found other first "
                                        "bytes: convert the file without loss");
  }
}

}  // namespace convmae
