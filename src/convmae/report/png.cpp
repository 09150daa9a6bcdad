#include "convmae/report/png.h"

#include "convmae/io/atomic_file.h"

#include <png.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace convmae {
namespace {

template <typename T>
std::vector<std::uint8_t> encode(std::span<const T> pixels, std::int64_t height, std::int64_t width,
                                 png_uint_32 format, std::span<const std::uint8_t> palette = {}) {
  const bool indexed = (format & PNG_FORMAT_FLAG_COLORMAP) != 0;
  const std::int64_t channels = indexed ? 1 : PNG_IMAGE_SAMPLE_CHANNELS(format);
  if (height < 1 || width < 1 ||
      static_cast<std::int64_t>(pixels.size()) != height * width * channels) {
    throw std::invalid_argument("the pixel buffer does not fit the size of the picture");
  }
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.height = static_cast<png_uint_32>(height);
  image.width = static_cast<png_uint_32>(width);
  image.format = format;
  image.colormap_entries = static_cast<png_uint_32>(palette.size() / 3);
  // Room for the worst case, so that one pass of compression is enough.
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::vector<std::uint8_t> bytes(size);
  if (png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0,
                                indexed ? palette.data() : nullptr) == 0) {
    throw std::runtime_error(std::string("libpng: ") + image.message);
  }
  bytes.resize(size);
  bytes.shrink_to_fit();
  return bytes;
}

}  // namespace

std::vector<std::uint8_t> encode_png(const Picture& picture) {
  return encode(std::span<const std::uint8_t>(picture.rgb), picture.height, picture.width,
                PNG_FORMAT_RGB);
}

std::vector<std::uint8_t> encode_grey_png(std::span<const std::uint8_t> pixels, std::int64_t height,
                                          std::int64_t width) {
  return encode(pixels, height, width, PNG_FORMAT_GRAY);
}

std::vector<std::uint8_t> encode_grey_png(std::span<const std::uint16_t> pixels,
                                          std::int64_t height, std::int64_t width) {
  return encode(pixels, height, width, PNG_FORMAT_LINEAR_Y);
}

std::vector<std::uint8_t> encode_palette_png(std::span<const std::uint8_t> indices,
                                             std::int64_t height, std::int64_t width,
                                             std::span<const Colour> palette) {
  constexpr std::size_t kMostColours = 256;
  if (palette.empty() || palette.size() > kMostColours ||
      std::ranges::any_of(indices, [&](std::uint8_t i) { return i >= palette.size(); })) {
    throw std::invalid_argument("the palette does not have a colour for each index");
  }
  std::vector<std::uint8_t> colours;
  colours.reserve(3 * palette.size());
  for (const Colour& colour : palette) {
    colours.insert(colours.end(), {colour.red, colour.green, colour.blue});
  }
  return encode(indices, height, width, PNG_FORMAT_RGB_COLORMAP, colours);
}

void write_png(const std::filesystem::path& path, const Picture& picture) {
  const std::vector<std::uint8_t> bytes = encode_png(picture);
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(bytes)));
  file.commit();
}

}  // namespace convmae
