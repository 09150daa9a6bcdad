#pragma once

#include "convmae/base/error.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace convmae {

/// Walks over bytes that nobody has checked. Reading beyond the end throws UserError.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes, std::size_t position = 0)
      : bytes_(bytes), position_(position) {
    if (position > bytes.size()) throw_too_short();
  }

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > remaining()) throw_too_short();
    const std::span<const std::byte> taken =
        bytes_.subspan(position_, static_cast<std::size_t>(count));
    position_ += static_cast<std::size_t>(count);
    return taken;
  }

  std::string_view text(std::uint64_t count) {
    const std::span<const std::byte> taken = take(count);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

  /// A little-endian number.
  template <typename T>
  T number() {
    T value{};
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

 private:
  [[noreturn]] static void throw_too_short() {
    throw UserError("it ends in the middle of a record");
  }

  std::span<const std::byte> bytes_;
  std::size_t position_;
};

}  // namespace convmae
