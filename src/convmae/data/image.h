#pragma once

#include "convmae/base/geometry.h"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace convmae {

enum class PixelType { uint8, uint16, float32 };

std::int64_t bytes_per_value(PixelType type);
/// "uint8", "uint16", "float32".
std::string to_string(PixelType type);

/// Part of an image, in pixels.
struct Box {
  std::int64_t top = 0;
  std::int64_t left = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  bool operator==(const Box&) const = default;
};

/// Pixels in memory, `[height, width, channels]`, channels fastest, rows without gaps.
/// `resize` keeps the allocation where it is large enough, so that one Image serves as a worker's
/// buffer for sample after sample. Behind the last value lie kPadding bytes that vector loads may
/// touch (their content means nothing).
class Image {
 public:
  static constexpr std::int64_t kPadding = 64;
  /// What a worker may hold from sample to sample: 22 million pixels of RGB.
  static constexpr std::int64_t kKept = std::int64_t{64} << 20;

  Image() = default;
  Image(Size size, std::int64_t channels, PixelType type = PixelType::uint8) {
    resize(size, channels, type);
  }

  /// Makes room for an image of that shape; the pixels are then undefined.
  /// A shape that comes from a file has been checked by whoever read it.
  void resize(Size size, std::int64_t channels, PixelType type = PixelType::uint8);
  /// To fewer channels, whose values have been moved to the front.
  void drop_channels(std::int64_t channels);
  /// Gives the memory of a giant (over kKept bytes) back to the system; the image is then empty. Of
  /// others nothing changes.
  void forget_giant();

  Size size() const { return size_; }
  std::int64_t height() const { return size_.height; }
  std::int64_t width() const { return size_.width; }
  std::int64_t channels() const { return channels_; }
  PixelType type() const { return type_; }
  std::int64_t num_values() const { return size_.height * size_.width * channels_; }
  std::int64_t num_bytes() const { return num_values() * bytes_per_value(type_); }

  std::byte* bytes() { return data_.get(); }
  const std::byte* bytes() const { return data_.get(); }
  template <typename T>
  T* row(std::int64_t y) {
    assert(static_cast<std::int64_t>(sizeof(T)) == bytes_per_value(type_));
    return reinterpret_cast<T*>(data_.get()) + y * size_.width * channels_;
  }
  template <typename T>
  const T* row(std::int64_t y) const {
    assert(static_cast<std::int64_t>(sizeof(T)) == bytes_per_value(type_));
    return reinterpret_cast<const T*>(data_.get()) + y * size_.width * channels_;
  }
  template <typename T>
  std::span<T> values() {
    return {row<T>(0), static_cast<std::size_t>(num_values())};
  }
  template <typename T>
  std::span<const T> values() const {
    return {row<T>(0), static_cast<std::size_t>(num_values())};
  }

 private:
  /// Memory of a giant comes from the system itself: the heap would keep it when it is freed.
  class Free {
   public:
    Free() : mapped_(0) {}
    explicit Free(std::size_t mapped) : mapped_(mapped) {}
    void operator()(std::byte* data) const;

   private:
    std::size_t mapped_;  ///< bytes; 0: from the heap
  };
  using Data = std::unique_ptr<std::byte[], Free>;
  static Data allocate(std::int64_t bytes);

  Size size_;
  std::int64_t channels_ = 0;
  PixelType type_ = PixelType::uint8;
  std::int64_t capacity_ = 0;
  Data data_;
};

/// The same pixels as float32. uint8 and uint16 keep their numbers (0..255, 0..65535).
void convert_to_float(const Image& in, Image& out);

/// The largest value of that type, by which pixels are divided to lie in 0..1; 1 for float32.
float full_scale(PixelType type);

}  // namespace convmae
