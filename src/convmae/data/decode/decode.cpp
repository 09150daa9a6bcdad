#include "convmae/data/decode/decode.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/data/decode/decoders.h"
#include "convmae/data/decode/exif.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace convmae {
namespace {

bool starts_with(EncodedBytes bytes, std::initializer_list<int> prefix) {
  return bytes.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), bytes.begin(),
                    [](int expected, std::uint8_t found) { return expected == found; });
}

/// `out` may be `in` if it has no more channels.
template <typename T>
void repack(const Image& in, std::int64_t channels, Image& out) {
  const std::int64_t pixels = in.height() * in.width();
  const T* from = in.row<T>(0);
  T* to = out.row<T>(0);
  for (std::int64_t i = 0; i < pixels; ++i) {
    for (std::int64_t c = 0; c < channels; ++c) {
      to[i * channels + c] = from[i * in.channels() + std::min(c, in.channels() - 1)];
    }
  }
}

void repack_any(const Image& in, std::int64_t channels, Image& out) {
  switch (in.type()) {
    case PixelType::uint8:
      return repack<std::uint8_t>(in, channels, out);
    case PixelType::uint16:
      return repack<std::uint16_t>(in, channels, out);
    case PixelType::float32:
      return repack<float>(in, channels, out);
  }
}

/// In place: a pixel is read before its grey is written.
template <typename T>
void grey_from_rgb(Image& image) {
  const std::int64_t pixels = image.height() * image.width();
  T* const values = image.row<T>(0);
  for (std::int64_t i = 0; i < pixels; ++i) {
    const T* rgb = values + i * image.channels();
    values[i] = decoders::grey_of(rgb[0], rgb[1], rgb[2]);
  }
}

void grey_from_any_rgb(Image& image) {
  switch (image.type()) {
    case PixelType::uint8:
      return grey_from_rgb<std::uint8_t>(image);
    case PixelType::uint16:
      return grey_from_rgb<std::uint16_t>(image);
    case PixelType::float32:
      return grey_from_rgb<float>(image);
  }
}

}  // namespace

ImageFormat sniff_image_format(EncodedBytes encoded) {
  if (starts_with(encoded, {0xFF, 0xD8, 0xFF})) return ImageFormat::jpeg;
  if (starts_with(encoded, {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'})) return ImageFormat::png;
  if (starts_with(encoded, {'R', 'I', 'F', 'F'}) && encoded.size() >= 12 &&
      starts_with(encoded.subspan(8), {'W', 'E', 'B', 'P'})) {
    return ImageFormat::webp;
  }
  if (starts_with(encoded, {'I', 'I', 42, 0}) || starts_with(encoded, {'M', 'M', 0, 42}) ||
      starts_with(encoded, {'I', 'I', 43, 0}) || starts_with(encoded, {'M', 'M', 0, 43})) {
    return ImageFormat::tiff;
  }
  if (starts_with(encoded, {0x93, 'N', 'U', 'M', 'P', 'Y'})) return ImageFormat::npy;
  return ImageFormat::unknown;
}

Box whole_image(Size size) { return {0, 0, size.height, size.width}; }

void decode_image(EncodedBytes encoded, const DecodeOptions& options, Image& out) {
  decode_part(encoded, options, whole_image, out);
}

Box decode_part(EncodedBytes encoded, const DecodeOptions& options, const PartChooser& choose_part,
                Image& out) {
  switch (sniff_image_format(encoded)) {
    case ImageFormat::jpeg:
      return decoders::jpeg(encoded, options, choose_part, out);
    case ImageFormat::png:
      decoders::png(encoded, options, out);
      break;
    case ImageFormat::webp:
      decoders::webp(encoded, options, out);
      break;
    case ImageFormat::tiff:
      decoders::tiff(encoded, options, out);
      break;
    case ImageFormat::npy:
      decoders::npy(encoded, options, out);
      break;
    case ImageFormat::unknown:
      throw UserError(encoded.empty()
                          ? "the file is empty: expected an image"
                          : "expected a JPEG, PNG, WebP, TIFF or .npy image, found other "
                            "first bytes: convert the file or remove it");
  }
  return choose_part(out.size());
}

namespace decoders {

std::int64_t most_bytes(const DecodeOptions& options) {
  return checked_multiply(options.max_pixels, 3).value_or(INT64_MAX);
}

std::int64_t spreading_bytes(std::int64_t stored, std::int64_t delivered, PixelType type) {
  return delivered > stored ? delivered * bytes_per_value(type) : 0;
}

void check_claim(const std::string& format, const ImageClaim& claim, const DecodeOptions& options) {
  const std::string found = std::to_string(claim.height) + "x" + std::to_string(claim.width) + "x" +
                            std::to_string(claim.channels) + " values of " + to_string(claim.type);
  if (claim.height < 1 || claim.width < 1 || claim.channels < 1) {
    throw UserError(format + " image of " + found + " has no pixels");
  }
  const std::string advice = ": shrink it, remove it or raise --max_pixels";
  const std::optional<std::int64_t> pixels = checked_multiply(claim.height, claim.width);
  if (!pixels || *pixels > options.max_pixels) {
    throw UserError(format + " image of " + found + " is above the limit of " +
                    std::to_string(options.max_pixels) + " pixels" + advice);
  }
  // uint16 becomes float32 before it is resized.
  const std::int64_t value = bytes_per_value(claim.type) +
                             (claim.type == PixelType::uint16 ? std::int64_t{sizeof(float)} : 0);
  std::optional<std::int64_t> bytes = checked_multiply(claim.channels, value);
  if (bytes) bytes = checked_add(*bytes, claim.work_per_pixel);
  if (bytes) bytes = checked_multiply(*bytes, *pixels);
  if (bytes) bytes = checked_add(*bytes, claim.work);
  if (!bytes || *bytes > most_bytes(options)) {
    throw UserError(format + " image of " + found + " takes " +
                    (bytes ? std::to_string(*bytes) : "over 2^63") +
                    " bytes to decode, above the limit of " + std::to_string(most_bytes(options)) +
                    " bytes that " + std::to_string(options.max_pixels) + " pixels set" + advice +
                    (bytes ? " to " + std::to_string(*bytes / 3 + 1) : ""));
  }
}

std::int64_t resolve_channels(const std::string& format, std::int64_t stored,
                              const DecodeOptions& options) {
  const std::int64_t wanted = options.channels;
  if (wanted == 0 || wanted == stored) return stored;
  if (wanted == 3 && stored == 1) return 3;
  if (wanted == 1 && stored == 3) return 1;
  throw UserError("expected an image of " + std::to_string(wanted) + " channels, found a " +
                  format + " of " + std::to_string(stored) +
                  ": set the number of channels to that of the "
                  "files, or leave the file out");
}

std::string one_line(std::string message) {
  std::replace_if(
      message.begin(), message.end(), [](unsigned char c) { return c < 0x20 || c > 0x7E; }, ' ');
  return message;
}

void check_finite(const std::string& format, const Image& image) {
  if (image.type() != PixelType::float32) return;
  const auto values = image.values<float>();
  const auto found =
      std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (found == values.end()) return;
  throw UserError("expected finite pixels, found NaN or infinity in a " + format +
                  " image: repair the file or remove it");
}

void keep_first(Image& image, std::int64_t channels) {
  if (channels == image.channels()) return;
  repack_any(image, channels, image);
  image.drop_channels(channels);
}

void change_channels(Image& image, std::int64_t channels) {
  if (channels == image.channels()) return;
  if (channels < image.channels()) {
    if (channels == 1 && image.channels() >= 3) {
      grey_from_any_rgb(image);
      image.drop_channels(1);
    } else {
      keep_first(image, channels);
    }
    return;
  }
  Image changed(image.size(), channels, image.type());
  repack_any(image, channels, changed);
  image = std::move(changed);
}

void turn_upright(const std::string& format, int orientation, const DecodeOptions& options,
                  Image& image) {
  if (!options.apply_exif_orientation || orientation == 1) return;
  check_claim(format,
              {.height = image.height(),
               .width = image.width(),
               .channels = image.channels(),
               .type = image.type(),
               .work_per_pixel = image.channels() * bytes_per_value(image.type())},
              options);
  apply_orientation(image, orientation);
}

}  // namespace decoders
}  // namespace convmae
