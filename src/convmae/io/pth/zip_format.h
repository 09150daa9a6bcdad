#pragma once

#include <cstdint>

/// What the reader and the writer of ZIP archives share of PKWARE's APPNOTE 6.3.
namespace convmae::zip {

// Signatures of the records.
constexpr std::uint32_t kLocalHeader = 0x04034b50;
constexpr std::uint32_t kCentralHeader = 0x02014b50;
constexpr std::uint32_t kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64 = 0x06064b50;
constexpr std::uint32_t kLocator64 = 0x07064b50;

// In place of a number that stands in a zip64 record or field.
constexpr std::uint16_t kIn64 = 0xFFFF;
constexpr std::uint32_t kIn64Wide = 0xFFFFFFFF;

constexpr std::uint16_t kZip64Field = 1;

}  // namespace convmae::zip
