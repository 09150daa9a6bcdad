#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/data/decode/decoders.h"
#include "convmae/data/decode/tiff_colour.h"

#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace convmae::decoders {
namespace {

/// The bytes that libtiff reads as if they were a file, and its last message.
struct Source {
  EncodedBytes bytes;
  std::size_t at = 0;
  std::array<char, 160> message{};
};

tmsize_t read_bytes(thandle_t handle, void* to, tmsize_t count) {
  auto* source = static_cast<Source*>(handle);
  const std::size_t left = source->bytes.size() - std::min(source->at, source->bytes.size());
  const std::size_t taken = std::min(left, static_cast<std::size_t>(std::max<tmsize_t>(count, 0)));
  if (taken > 0) std::memcpy(to, source->bytes.data() + source->at, taken);
  source->at += taken;
  return static_cast<tmsize_t>(taken);
}

tmsize_t refuse_write(thandle_t /*handle*/, void* /*from*/, tmsize_t /*count*/) { return 0; }

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  auto* source = static_cast<Source*>(handle);
  const std::size_t base = whence == SEEK_CUR   ? source->at
                           : whence == SEEK_END ? source->bytes.size()
                                                : 0;
  source->at = base + static_cast<std::size_t>(offset);
  return source->at;
}

int close_nothing(thandle_t /*handle*/) { return 0; }

toff_t size_of(thandle_t handle) { return static_cast<Source*>(handle)->bytes.size(); }

int keep_message(TIFF* /*tiff*/, void* user, const char* /*module*/, const char* format,
                 va_list arguments) {
  auto* source = static_cast<Source*>(user);
  std::vsnprintf(source->message.data(), source->message.size(), format, arguments);
  return 1;
}

int ignore_message(TIFF* /*tiff*/, void* /*user*/, const char* /*module*/, const char* /*format*/,
                   va_list /*arguments*/) {
  return 1;
}

[[noreturn]] void damaged(const Source& source) {
  const std::string message = one_line(source.message.data());
  throw UserError("damaged TIFF: " + (message.empty() ? "no image in it can be read" : message));
}

using Handle = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

Handle open(Source& source, const DecodeOptions& options) {
  constexpr std::int64_t kAlways = std::int64_t{16} << 20;  // for tables
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> open_options(
      TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  TIFFOpenOptionsSetErrorHandlerExtR(open_options.get(), keep_message, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(open_options.get(), ignore_message, nullptr);
  TIFFOpenOptionsSetMaxSingleMemAlloc(
      open_options.get(), static_cast<tmsize_t>(std::max(most_bytes(options), kAlways)));
  // "m": no memory mapping, "r": read only
  TIFF* tiff = TIFFClientOpenExt("image", "rm", &source, read_bytes, refuse_write, seek,
                                 close_nothing, size_of, nullptr, nullptr, open_options.get());
  if (tiff == nullptr) damaged(source);
  return {tiff, TIFFClose};
}

template <typename T>
T field(TIFF* tiff, std::uint32_t tag, T missing) {
  T value = missing;
  return TIFFGetFieldDefaulted(tiff, tag, &value) == 1 ? value : missing;
}

struct Layout {
  Size size;
  /// Of the image in memory: as stored, or as libtiff converts it.
  std::int64_t channels = 1;
  PixelType type = PixelType::uint8;
  TiffColour colour;
  /// Numbers can be taken as they are stored; else libtiff has to convert to 8-bit RGBA.
  bool plain = true;
  int orientation = ORIENTATION_TOPLEFT;
};

ImageClaim claim_of(const Layout& layout) {
  return {layout.size.height, layout.size.width, layout.channels, layout.type};
}

[[noreturn]] void unsupported(const std::string& found) {
  throw UserError("expected a TIFF of grey, RGB, palette, YCbCr, CMYK or CIE Lab, found " + found +
                  ": convert it");
}

PixelType type_of(TIFF* tiff) {
  const auto bits = field<std::uint16_t>(tiff, TIFFTAG_BITSPERSAMPLE, 1);
  const auto format = field<std::uint16_t>(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
  if (bits == 16 && format == SAMPLEFORMAT_UINT) return PixelType::uint16;
  if (bits == 32 && format == SAMPLEFORMAT_IEEEFP) return PixelType::float32;
  if (bits <= 8 && format == SAMPLEFORMAT_UINT) return PixelType::uint8;
  const char* const kind = format == SAMPLEFORMAT_UINT     ? "unsigned"
                           : format == SAMPLEFORMAT_INT    ? "signed"
                           : format == SAMPLEFORMAT_IEEEFP ? "float"
                                                           : "other";
  throw UserError("expected a TIFF of uint8, uint16 or float32, found " + std::string(kind) +
                  " numbers of " + std::to_string(bits) + " bits: convert it");
}

/// What the samples behind `colours` colours are, from the first.
std::vector<std::uint16_t> extra_samples(TIFF* tiff) {
  std::uint16_t count = 0;
  const std::uint16_t* kinds = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) != 1 || kinds == nullptr) return {};
  return {kinds, kinds + count};
}

/// Grey of one sample, or so many bands as do not say that they are alpha. One sample beside grey
/// is taken for alpha, whatever it says.
std::int64_t grey_colours(std::int64_t samples, const std::vector<std::uint16_t>& extra) {
  if (samples == 2) return 1;
  const auto band = std::find(extra.rbegin(), extra.rend(), std::uint16_t{EXTRASAMPLE_UNSPECIFIED});
  return std::max<std::int64_t>(samples - (band - extra.rbegin()), 1);
}

TiffColour read_colour(TIFF* tiff, PixelType type) {
  using Space = TiffColour::Space;
  const std::int64_t samples = field<std::uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
  const auto photometric = field<std::uint16_t>(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
  const std::vector<std::uint16_t> extra = extra_samples(tiff);
  TiffColour colour;
  switch (photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
      colour.colours = grey_colours(samples, extra);
      colour.zero_is_white = photometric == PHOTOMETRIC_MINISWHITE;
      break;
    case PHOTOMETRIC_RGB:
    case PHOTOMETRIC_PALETTE:
    case PHOTOMETRIC_YCBCR:
      colour = {Space::rgb, 3};
      break;
    case PHOTOMETRIC_SEPARATED:
      colour = {Space::cmyk, 4};
      if (field<std::uint16_t>(tiff, TIFFTAG_INKSET, INKSET_CMYK) != INKSET_CMYK) {
        unsupported("inks that are not CMYK");
      }
      break;
    case PHOTOMETRIC_CIELAB:
      colour = {Space::cie_lab, 3};
      break;
    case PHOTOMETRIC_ICCLAB:
      colour = {Space::icc_lab, 3};
      break;
    default:
      unsupported("photometric interpretation " + std::to_string(photometric));
  }
  const bool one_sample = photometric == PHOTOMETRIC_PALETTE || photometric == PHOTOMETRIC_YCBCR;
  if (!one_sample && colour.colours > samples) {
    unsupported(std::to_string(samples) + " samples for " + std::to_string(colour.colours) +
                " colours");
  }
  const auto associated =
      std::find(extra.begin(), extra.end(), std::uint16_t{EXTRASAMPLE_ASSOCALPHA});
  const std::int64_t alpha = samples - std::ssize(extra) + std::distance(extra.begin(), associated);
  if (associated != extra.end() && alpha >= colour.colours && alpha < samples) {
    colour.associated_alpha = alpha;
  }
  const bool is_light = colour.space == Space::grey || colour.space == Space::rgb;
  if (colour.associated_alpha && (!is_light || colour.zero_is_white)) {
    unsupported("alpha that inks or Lab are multiplied by");
  }
  if (type == PixelType::float32 && (!is_light || colour.zero_is_white)) {
    unsupported("float numbers that are not grey of which 0 is black, or RGB");
  }
  if (type == PixelType::uint16 &&
      (colour.space == Space::cie_lab || colour.space == Space::icc_lab)) {
    unsupported("Lab of 16 bits");
  }
  return colour;
}

Layout read_layout(TIFF* tiff, const DecodeOptions& options) {
  const auto bits = field<std::uint16_t>(tiff, TIFFTAG_BITSPERSAMPLE, 1);
  const auto photometric = field<std::uint16_t>(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
  Layout layout;
  layout.size = {field<std::uint32_t>(tiff, TIFFTAG_IMAGELENGTH, 0),
                 field<std::uint32_t>(tiff, TIFFTAG_IMAGEWIDTH, 0)};
  layout.channels = field<std::uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
  layout.type = type_of(tiff);
  layout.colour = read_colour(tiff, layout.type);
  layout.orientation = field<std::uint16_t>(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  layout.plain =
      bits >= 8 && photometric != PHOTOMETRIC_PALETTE && photometric != PHOTOMETRIC_YCBCR;
  if (!layout.plain) {
    if (bits > 8) unsupported("a palette or YCbCr of more than 8 bits");
    layout.channels = 4;
  }
  check_claim("TIFF", claim_of(layout), options);
  return layout;
}

/// Copies a decoded strip or tile of `rows` x `columns` (stored `stride` columns wide) into place.
struct Placement {
  std::int64_t top, left, rows, columns, stride;
  std::int64_t channel, channels;
};

void place(const std::vector<std::uint8_t>& from, const Placement& at, Image& out) {
  const auto width = static_cast<std::size_t>(bytes_per_value(out.type()));
  const std::int64_t step = out.channels();
  for (std::int64_t y = 0; y < at.rows; ++y) {
    for (std::int64_t x = 0; x < at.columns; ++x) {
      const std::int64_t source = (y * at.stride + x) * at.channels;
      const std::int64_t target = ((at.top + y) * out.width() + at.left + x) * step + at.channel;
      std::memcpy(out.bytes() + static_cast<std::size_t>(target) * width,
                  from.data() + static_cast<std::size_t>(source) * width,
                  width * static_cast<std::size_t>(at.channels));
    }
  }
}

/// A tile may be larger than its image, as the last ones of every image are, but not much larger
/// than a small image needs.
DecodeOptions for_pieces(DecodeOptions options, const Layout& image) {
  constexpr std::int64_t kAlways = std::int64_t{1} << 22;
  const std::int64_t bytes =
      image.size.height * image.size.width * image.channels * bytes_per_value(image.type);
  options.max_pixels = std::min(options.max_pixels,
                                std::max(kAlways, checked_multiply(bytes, 4).value_or(INT64_MAX)));
  return options;
}

/// libtiff puts offset 0 for what the list of offsets lacks, and would take the header for pixels.
void check_offsets(TIFF* tiff, bool tiled) {
  const std::uint32_t count = tiled ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (TIFFGetStrileOffset(tiff, i) == 0) {
      throw UserError(std::string("damaged TIFF: ") + (tiled ? "tile " : "strip ") +
                      std::to_string(i) + " lacks its offset");
    }
  }
}

/// The strips or tiles of an image, of all channels together or one plane a channel.
struct Pieces {
  bool tiled = false;
  bool planes = false;
  std::int64_t rows = 0;
  std::int64_t width = 0;
  std::int64_t channels = 1;
};

Pieces read_pieces(TIFF* tiff, const Source& source, const Layout& layout,
                   const DecodeOptions& options) {
  // layout.channels are those that libtiff converts to
  const std::int64_t samples = field<std::uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
  const auto planar = field<std::uint16_t>(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  Pieces pieces;
  pieces.tiled = TIFFIsTiled(tiff) != 0;
  pieces.planes = planar == PLANARCONFIG_SEPARATE && samples > 1;
  pieces.channels = pieces.planes ? 1 : samples;
  if (pieces.tiled) {
    pieces.width = field<std::uint32_t>(tiff, TIFFTAG_TILEWIDTH, 0);
    pieces.rows = field<std::uint32_t>(tiff, TIFFTAG_TILELENGTH, 0);
  } else {
    pieces.width = layout.size.width;
    pieces.rows = std::min<std::int64_t>(field<std::uint32_t>(tiff, TIFFTAG_ROWSPERSTRIP, 0),
                                         layout.size.height);
  }
  if (pieces.width < 1 || pieces.rows < 1) damaged(source);
  check_claim(pieces.tiled ? "TIFF tile of an" : "TIFF strip of an",
              {pieces.rows, pieces.width, pieces.channels, layout.type},
              for_pieces(options, layout));
  check_offsets(tiff, pieces.tiled);
  return pieces;
}

void read_plain(TIFF* tiff, const Source& source, const Layout& layout, const Pieces& pieces,
                Image& out) {
  const auto& [tiled, planes, rows, width, channels] = pieces;
  const Size size = layout.size;
  const std::int64_t bytes = rows * width * channels * bytes_per_value(layout.type);
  if ((tiled ? TIFFTileSize64(tiff) : TIFFStripSize64(tiff)) != static_cast<std::uint64_t>(bytes)) {
    throw UserError("TIFF with packed or subsampled pixels is not supported: convert it");
  }
  std::vector<std::uint8_t> buffer(static_cast<std::size_t>(bytes));
  for (std::int64_t plane = 0; plane < (planes ? layout.channels : 1); ++plane) {
    for (std::int64_t top = 0; top < size.height; top += rows) {
      for (std::int64_t left = 0; left < size.width; left += width) {
        const std::int64_t used_rows = std::min(rows, size.height - top);
        const std::int64_t expected = tiled ? bytes : bytes / rows * used_rows;
        const auto x = static_cast<std::uint32_t>(left);
        const auto y = static_cast<std::uint32_t>(top);
        const auto sample = static_cast<std::uint16_t>(plane);
        const tmsize_t got = tiled
                                 ? TIFFReadEncodedTile(tiff, TIFFComputeTile(tiff, x, y, 0, sample),
                                                       buffer.data(), expected)
                                 : TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, y, sample),
                                                        buffer.data(), expected);
        if (got != expected) damaged(source);
        place(buffer,
              {top, left, used_rows, std::min(width, size.width - left), width, plane, channels},
              out);
      }
    }
  }
}

/// Palettes, grey of less than 8 bits and YCbCr, as libtiff converts them to 8-bit RGBA.
void read_converted(TIFF* tiff, const Source& source, int orientation, Image& out) {
  std::array<char, 1024> reason{};
  if (TIFFRGBAImageOK(tiff, reason.data()) == 0) {
    throw UserError("TIFF of this kind is not supported (" + one_line(reason.data()) +
                    "): convert it");
  }
  // Asked for the orientation that the file has, the library turns nothing.
  if (TIFFReadRGBAImageOriented(
          tiff, static_cast<std::uint32_t>(out.width()), static_cast<std::uint32_t>(out.height()),
          reinterpret_cast<std::uint32_t*>(out.bytes()), orientation, 1) == 0) {
    damaged(source);
  }
}

}  // namespace

void tiff(EncodedBytes encoded, const DecodeOptions& options, Image& out) {
  Source source{encoded};
  const Handle handle = open(source, options);
  const Layout layout = read_layout(handle.get(), options);
  // Who asks for so many channels as there are samples gets them all; others get what is seen.
  const bool all = layout.plain && layout.colour.space <= TiffColour::Space::rgb &&
                   (options.channels == 0 || options.channels == layout.channels);
  const std::int64_t visible = all ? layout.channels : visible_channels(layout.colour);
  const std::int64_t delivered = resolve_channels("TIFF", visible, options);
  const Pieces pieces = read_pieces(handle.get(), source, layout, options);
  ImageClaim claim = claim_of(layout);
  claim.work_per_pixel = spreading_bytes(visible, delivered, layout.type);
  check_claim("TIFF", claim, options);
  claim.work_per_pixel = 0;  // a piece is let go before that
  claim.work = pieces.rows * pieces.width * pieces.channels * bytes_per_value(layout.type);
  check_claim("TIFF", claim, options);
  out.resize(layout.size, layout.channels, layout.type);
  if (layout.plain) {
    read_plain(handle.get(), source, layout, pieces, out);
  } else {
    read_converted(handle.get(), source, layout.orientation, out);
  }
  check_finite("TIFF", out);
  if (!layout.plain) {
    keep_first(out, visible);
  } else if (all) {
    make_zero_black(layout.colour, out);
  } else {
    to_visible(layout.colour, out);
  }
  change_channels(out, delivered);
  turn_upright("TIFF", layout.orientation, options, out);
}

}  // namespace convmae::decoders
