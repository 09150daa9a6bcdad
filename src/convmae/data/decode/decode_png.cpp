#include "convmae/base/error.h"
#include "convmae/data/decode/decoders.h"
#include "convmae/data/decode/exif.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

namespace convmae::decoders {
namespace {

/// One PNG. As in the JPEG decoder, functions that call setjmp hold no object with a destructor.
class PngDecoder {
 public:
  explicit PngDecoder(EncodedBytes encoded) : rest_(encoded) {}
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;
  ~PngDecoder() { png_destroy_read_struct(&png_, &info_, nullptr); }

  void decode(const DecodeOptions& options, Image& out) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) throw std::bad_alloc();
    keeps_exif_ = options.apply_exif_orientation;
    if (!read_header()) throw_error();
    const Size size{png_get_image_height(png_, info_), png_get_image_width(png_, info_)};
    const int colour = png_get_color_type(png_, info_);
    const std::int64_t visible = (colour & (PNG_COLOR_MASK_COLOR | PNG_COLOR_MASK_PALETTE)) ? 3 : 1;
    ImageClaim claim{.height = size.height, .width = size.width, .channels = visible};
    check_claim("PNG", claim, options);
    // The library holds two rows with all that a pixel can have, 8 bytes, and each row takes it
    // time, however short it is. Both matter where an image is next to nothing but one side.
    claim.work =
        std::max<std::int64_t>(16 * (size.width + size.height) - 3 * size.width * size.height, 0);
    const std::int64_t channels = resolve_channels("PNG", visible, options);
    claim.work_per_pixel = spreading_bytes(visible, channels, PixelType::uint8);
    check_claim("PNG", claim, options);
    if (!prepare()) throw_error();
    out.resize(size, png_get_channels(png_, info_));
    if (!read_pixels(out)) throw_error();
    change_channels(out, visible);
    change_channels(out, channels);
    turn_upright("PNG", orientation(), options, out);
  }

 private:
  static void on_error(png_structp png, png_const_charp message) {
    auto* decoder = static_cast<PngDecoder*>(png_get_error_ptr(png));
    std::snprintf(decoder->message_.data(), decoder->message_.size(), "%s", message);
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp /*png*/, png_const_charp /*message*/) {}

  static void read_bytes(png_structp png, png_bytep to, std::size_t count) {
    auto* decoder = static_cast<PngDecoder*>(png_get_io_ptr(png));
    if (count > decoder->rest_.size()) png_error(png, "the file is truncated");
    std::memcpy(to, decoder->rest_.data(), count);
    decoder->rest_ = decoder->rest_.subspan(count);
  }

  bool read_header() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_read_fn(png_, this, read_bytes);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    // Text, colour profiles and the like are of no use here: do not let them take time or memory.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    if (keeps_exif_) {
      constexpr std::array<png_byte, 5> kExif{'e', 'X', 'I', 'f', '\0'};
      // As a chunk that the library does not know: for one that it knows it takes as much memory as
      // the chunk says it has.
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_ALWAYS, kExif.data(), 1);
      png_set_chunk_malloc_max(png_, rest_.size());
    }
    png_read_info(png_, info_);
    return true;
  }

  bool prepare() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    const int colour = png_get_color_type(png_, info_);
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
    if (colour == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png_, info_) < 8) {
      png_set_expand_gray_1_2_4_to_8(png_);
    }
    png_set_strip_16(png_);
    png_set_strip_alpha(png_);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  bool read_pixels(Image& out) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    // Row by row: a list of the rows would take more than the pixels of a narrow image.
    for (int pass = 0; pass < passes_; ++pass) {
      for (std::int64_t y = 0; y < out.height(); ++y) {
        png_read_row(png_, out.row<std::uint8_t>(y), nullptr);
      }
    }
    png_read_end(png_, info_);  // without it critical chunks behind the pixels would be skipped
    return true;
  }

  int orientation() const {
    png_unknown_chunkp exif = nullptr;  // no other is kept
    if (png_get_unknown_chunks(png_, info_, &exif) == 0) return 1;
    return orientation_of_exif({exif->data, exif->size});
  }

  [[noreturn]] void throw_error() const {
    throw UserError("damaged PNG: " + one_line(message_.data()));
  }

  EncodedBytes rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::array<char, 128> message_{};
  int passes_ = 1;
  bool keeps_exif_ = false;
};

}  // namespace

void png(EncodedBytes encoded, const DecodeOptions& options, Image& out) {
  PngDecoder(encoded).decode(options, out);
}

}  // namespace convmae::decoders
