#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace convmae {

/// Builds one message in the wire format of protocol buffers, field by field.
class ProtobufMessage {
 public:
  void integer(int field, std::int64_t value) {
    tag(field, 0);
    varint(static_cast<std::uint64_t>(value));
  }
  void real64(int field, double value) {
    tag(field, 1);
    raw(std::bit_cast<std::uint64_t>(value));
  }
  void real32(int field, float value) {
    tag(field, 5);
    raw(std::bit_cast<std::uint32_t>(value));
  }
  /// A string, bytes or a message.
  void bytes(int field, std::string_view value) {
    begin(field, value.size());
    wire_ += value;
  }
  void message(int field, const ProtobufMessage& value) { bytes(field, value.wire_); }
  /// Begins a string, bytes or a message of `size` bytes, which then follow the wire.
  void begin(int field, std::uint64_t size) {
    tag(field, 2);
    varint(size);
  }

  const std::string& wire() const { return wire_; }

 private:
  void tag(int field, unsigned kind) { varint((static_cast<std::uint64_t>(field) << 3) | kind); }

  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) wire_ += static_cast<char>((value & 0x7F) | 0x80);
    wire_ += static_cast<char>(value);
  }

  template <typename Unsigned>
  void raw(Unsigned bits) {
    char little_endian[sizeof(bits)];
    std::memcpy(little_endian, &bits, sizeof(bits));
    wire_.append(little_endian, sizeof(bits));
  }

  std::string wire_;
};

}  // namespace convmae
