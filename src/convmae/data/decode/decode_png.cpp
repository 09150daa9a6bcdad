#include "convmae/base/error.h"
#include "convmae/data/decode/decoders.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

namespace convmae::decoders {
namespace {

/// One PNG. As in the JPEG decoder, functions that call setjmp hold no object with a destructor.
class Decoder {
 public:
  explicit Decoder(EncodedBytes encoded) : rest_(encoded) {}
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { png_destroy_read_struct(&png_, &info_, nullptr); }

  void decode(const DecodeOptions& options, Image& out) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) throw std::bad_alloc();
    if (!read_header()) throw_error();
    const Size size{png_get_image_height(png_, info_), png_get_image_width(png_, info_)};
    const int colour = png_get_color_type(png_, info_);
    const std::int64_t visible = (colour & (PNG_COLOR_MASK_COLOR | PNG_COLOR_MASK_PALETTE)) ? 3 : 1;
    const bool wide_grey = colour == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png_, info_) == 16;
    ImageClaim claim{.height = size.height,
                     .width = size.width,
                     .channels = visible,
                     .work_per_pixel = wide_grey ? 2 : 0};
    check_claim("PNG", claim, options);
    // The library holds two rows with all that a pixel can have, 8 bytes, and each row takes it
    // time, however short it is. Both matter where an image is next to nothing but one side.
    claim.work =
        std::max<std::int64_t>(16 * (size.width + size.height) - 3 * size.width * size.height, 0);
    const std::int64_t channels = resolve_channels("PNG", visible, options);
    claim.work_per_pixel =
        std::max(claim.work_per_pixel, spreading_bytes(visible, channels, PixelType::uint8));
    check_claim("PNG", claim, options);
    if (!prepare()) throw_error();
    stored_.resize(size, png_get_channels(png_, info_),
                   png_get_bit_depth(png_, info_) == 16 ? PixelType::uint16 : PixelType::uint8);
    if (!read_pixels()) throw_error();
    if (wide_grey) {
      cut_off_at_255(out);
    } else {
      std::swap(out, stored_);
    }
    stored_ = {};
    change_channels(out, visible);
    change_channels(out, channels);
  }

 private:
  static void on_error(png_structp png, png_const_charp message) {
    auto* decoder = static_cast<Decoder*>(png_get_error_ptr(png));
    std::snprintf(decoder->message_.data(), decoder->message_.size(), "%s", message);
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp /*png*/, png_const_charp /*message*/) {}

  static void read_bytes(png_structp png, png_bytep to, std::size_t count) {
    auto* decoder = static_cast<Decoder*>(png_get_io_ptr(png));
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
    if (colour == PNG_COLOR_TYPE_GRAY) {
      png_set_swap(png_);  // 16-bit samples in the machine's order
    } else {
      png_set_strip_16(png_);
    }
    png_set_strip_alpha(png_);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  bool read_pixels() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    // Row by row: a list of the rows would take more than the pixels of a narrow image.
    const std::int64_t row_bytes = stored_.num_bytes() / stored_.height();
    for (int pass = 0; pass < passes_; ++pass) {
      auto* row = reinterpret_cast<png_bytep>(stored_.bytes());
      for (std::int64_t y = 0; y < stored_.height(); ++y, row += row_bytes) {
        png_read_row(png_, row, nullptr);
      }
    }
    png_read_end(png_, info_);  // without it critical chunks behind the pixels would be skipped
    return true;
  }

  void cut_off_at_255(Image& out) const {
    out.resize(stored_.size(), 1);
    const auto from = stored_.values<std::uint16_t>();
    const auto to = out.values<std::uint8_t>();
    for (std::size_t i = 0; i < from.size(); ++i) {
      to[i] = static_cast<std::uint8_t>(std::min<std::uint16_t>(from[i], 255));
    }
  }

  [[noreturn]] void throw_error() const {
    throw UserError("damaged PNG: " + one_line(message_.data()));
  }

  EncodedBytes rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::array<char, 128> message_{};
  Image stored_;
  int passes_ = 1;
};

}  // namespace

void png(EncodedBytes encoded, const DecodeOptions& options, Image& out) {
  Decoder(encoded).decode(options, out);
}

}  // namespace convmae::decoders
