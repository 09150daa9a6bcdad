#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convmae::test {

/// One member of an archive; what is set beside name and data contradicts the truth.
struct RawMember {
  std::string name;
  std::string data;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::string local_signature = "PK\x03\x04";
  std::string central_signature = "PK\x01\x02";
  std::optional<std::string> local_name = std::nullopt;
  std::optional<std::uint32_t> local_size = std::nullopt;
  std::optional<std::uint32_t> size = std::nullopt;
  std::optional<std::uint32_t> stored_size = std::nullopt;
  std::optional<std::uint32_t> offset = std::nullopt;
};

/// An archive, byte by byte, that can be wrong in any respect.
struct RawZip {
  std::vector<RawMember> members;
  std::optional<std::uint16_t> member_count = std::nullopt;
  std::optional<std::uint32_t> directory_size = std::nullopt;
  std::optional<std::uint32_t> directory_offset = std::nullopt;
  std::string before_end;
  std::string end_signature = "PK\x05\x06";

  std::string file() const;
};

}  // namespace convmae::test
