#include "convmae/data/decode/png_reader.h"

#include "convmae/base/error.h"
#include "convmae/data/decode/exif.h"

#include <algorithm>
#include <bit>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>

namespace convmae::decoders {

static_assert(std::endian::native == std::endian::little, "numbers of 16 bits are swapped");

void PngReader::on_error(png_structp png, png_const_charp message) {
  auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
  std::snprintf(reader->message_.data(), reader->message_.size(), "%s", message);
  png_longjmp(png, 1);
}

void PngReader::read_bytes(png_structp png, png_bytep to, std::size_t count) {
  auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (count > reader->rest_.size()) png_error(png, "the file is truncated");
  std::memcpy(to, reader->rest_.data(), count);
  reader->rest_ = reader->rest_.subspan(count);
}

void PngReader::throw_error() const {
  throw UserError("damaged PNG: " + one_line(message_.data()));
}

void PngReader::read_header(bool keep_exif) {
  png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
  if (png_ != nullptr) info_ = png_create_info_struct(png_);
  if (info_ == nullptr) throw std::bad_alloc();
  keeps_exif_ = keep_exif;
  if (!try_header()) throw_error();
}

bool PngReader::try_header() {
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

bool PngReader::has_colours() const {
  return (colour_type() & (PNG_COLOR_MASK_COLOR | PNG_COLOR_MASK_PALETTE)) != 0;
}

ImageClaim PngReader::claim(std::int64_t channels, PixelType type) const {
  const auto [height, width] = size();
  ImageClaim claim{.height = height, .width = width, .channels = channels, .type = type};
  // The library holds two rows with all that a pixel can have, 8 bytes, and each row takes it
  // time, however short it is. Both matter where an image is next to nothing but one side.
  claim.work = std::max<std::int64_t>(16 * (width + height) - 3 * width * height, 0);
  return claim;
}

void PngReader::read_pixels(As as, Image& out) {
  if (!try_transforms(as)) throw_error();
  const bool is_wide = png_get_bit_depth(png_, info_) == 16;
  out.resize(size(), png_get_channels(png_, info_), is_wide ? PixelType::uint16 : PixelType::uint8);
  if (!try_rows(out)) throw_error();
}

bool PngReader::try_transforms(As as) {
  if (setjmp(png_jmpbuf(png_)) != 0) return false;
  if (as == As::numbers) {
    png_set_packing(png_);
    png_set_swap(png_);
  } else {
    if (has_palette()) png_set_palette_to_rgb(png_);
    if (colour_type() == PNG_COLOR_TYPE_GRAY && bits() < 8) png_set_expand_gray_1_2_4_to_8(png_);
    png_set_strip_16(png_);
  }
  png_set_strip_alpha(png_);
  passes_ = png_set_interlace_handling(png_);
  png_read_update_info(png_, info_);
  return true;
}

bool PngReader::try_rows(Image& out) {
  if (setjmp(png_jmpbuf(png_)) != 0) return false;
  const std::int64_t bytes = out.num_bytes() / out.height();
  // Row by row: a list of the rows would take more than the pixels of a narrow image.
  for (int pass = 0; pass < passes_; ++pass) {
    for (std::int64_t y = 0; y < out.height(); ++y) {
      png_read_row(png_, reinterpret_cast<png_bytep>(out.bytes() + y * bytes), nullptr);
    }
  }
  png_read_end(png_, info_);  // without it critical chunks behind the pixels would be skipped
  return true;
}

int PngReader::orientation() const {
  png_unknown_chunkp exif = nullptr;  // no other is kept
  if (png_get_unknown_chunks(png_, info_, &exif) == 0) return 1;
  return orientation_of_exif({exif->data, exif->size});
}

}  // namespace convmae::decoders
