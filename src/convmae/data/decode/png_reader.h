#pragma once

#include "convmae/data/decode/decoders.h"

#include <png.h>

#include <array>
#include <cstdint>

namespace convmae::decoders {

/// Reads one PNG with the library. As in the JPEG decoder, functions that call setjmp hold no
/// object with a destructor. All throw UserError for what is damaged.
class PngReader {
 public:
  /// What values are delivered as.
  enum class As {
    colours,  ///< 8 bits: grey, or RGB also for palettes
    numbers,  ///< as stored, a byte each up to 8 bits: also the indices of palettes
  };

  explicit PngReader(EncodedBytes encoded) : rest_(encoded) {}
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  /// The file up to its pixels; `keep_exif` for `orientation`.
  void read_header(bool keep_exif);
  Size size() const {
    return {png_get_image_height(png_, info_), png_get_image_width(png_, info_)};
  }
  bool has_colours() const;
  bool has_palette() const { return colour_type() == PNG_COLOR_TYPE_PALETTE; }
  /// Of a value as stored: 1, 2, 4, 8 or 16.
  int bits() const { return png_get_bit_depth(png_, info_); }

  /// The claim on memory that an image of `channels` values of `type` is, with what the library
  /// takes.
  ImageClaim claim(std::int64_t channels, PixelType type) const;

  /// Reads the pixels without alpha; `out` becomes [height, width, channels] of uint8, or of uint16
  /// for numbers of 16 bits. What follows them is read too, and checked.
  void read_pixels(As as, Image& out);
  /// As EXIF says, 1 to 8.
  int orientation() const;

 private:
  static void on_error(png_structp png, png_const_charp message);
  static void on_warning(png_structp /*png*/, png_const_charp /*message*/) {}
  static void read_bytes(png_structp png, png_bytep to, std::size_t count);

  int colour_type() const { return png_get_color_type(png_, info_); }
  bool try_header();
  bool try_transforms(As as);
  bool try_rows(Image& out);
  [[noreturn]] void throw_error() const;

  EncodedBytes rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::array<char, 128> message_{};
  int passes_ = 1;
  bool keeps_exif_ = false;
};

}  // namespace convmae::decoders
