#include "convmae/data/image.h"

#include <algorithm>

namespace convmae {

std::int64_t bytes_per_value(PixelType type) {
  switch (type) {
    case PixelType::uint8:
      return 1;
    case PixelType::uint16:
      return 2;
    case PixelType::float32:
      return 4;
  }
  return 0;
}

std::string to_string(PixelType type) {
  switch (type) {
    case PixelType::uint8:
      return "uint8";
    case PixelType::uint16:
      return "uint16";
    case PixelType::float32:
      return "float32";
  }
  return "";
}

float full_scale(PixelType type) {
  switch (type) {
    case PixelType::uint8:
      return 255.0F;
    case PixelType::uint16:
      return 65535.0F;
    case PixelType::float32:
      return 1.0F;
  }
  return 1.0F;
}

void Image::resize(Size size, std::int64_t channels, PixelType type) {
  size_ = size;
  channels_ = channels;
  type_ = type;
  const std::int64_t needed = num_bytes() + kPadding;
  if (needed > capacity_) {
    data_ = std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(needed));
    capacity_ = needed;
  }
}

void convert_to_float(const Image& in, Image& out) {
  out.resize(in.size(), in.channels(), PixelType::float32);
  const std::span<float> to = out.values<float>();
  const auto copy = [&to](auto from) {
    std::transform(from.begin(), from.end(), to.begin(),
                   [](auto value) { return static_cast<float>(value); });
  };
  switch (in.type()) {
    case PixelType::uint8:
      return copy(in.values<std::uint8_t>());
    case PixelType::uint16:
      return copy(in.values<std::uint16_t>());
    case PixelType::float32:
      return copy(in.values<float>());
  }
}

}  // namespace convmae
