#include "convmae/data/image.h"

#include <algorithm>
#include <new>
#include <sys/mman.h>

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
    data_.reset();  // before there are two
    data_ = allocate(needed);
    capacity_ = needed;
  }
}

void Image::drop_channels(std::int64_t channels) {
  assert(channels <= channels_);
  channels_ = channels;
}

void Image::forget_giant() {
  if (capacity_ > kKept) *this = {};
}

void Image::Free::operator()(std::byte* data) const {
  if (mapped_ == 0) {
    delete[] data;
  } else {
    ::munmap(data, mapped_);
  }
}

Image::Data Image::allocate(std::int64_t bytes) {
  const auto size = static_cast<std::size_t>(bytes);
  if (bytes <= kKept) return {new std::byte[size], Free{}};
  void* const data =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  return {static_cast<std::byte*>(data), Free{size}};
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
