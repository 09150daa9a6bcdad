#include "convmae/io/unicode_text.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/utf8.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace convmae {
namespace {

constexpr std::string_view kUtf8Mark = "\xef\xbb\xbf";
constexpr std::string_view kLittleEndianMark = "\xff\xfe";
constexpr std::string_view kBigEndianMark = "\xfe\xff";

}  // namespace

std::string utf8_of_utf16(std::string_view bytes, bool big_endian) {
  constexpr char32_t kReplacement = 0xFFFD;
  const auto unit = [&](std::size_t i) -> char32_t {
    const auto first = static_cast<unsigned char>(bytes[i]);
    const auto second = static_cast<unsigned char>(bytes[i + 1]);
    return big_endian ? first << 8U | second : second << 8U | first;
  };
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    char32_t code = unit(i);
    if (is_surrogate(code)) {
      const char32_t low = i + 3 < bytes.size() ? unit(i + 2) : 0;
      if (code < 0xDC00 && low >= 0xDC00 && is_surrogate(low)) {
        code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
        i += 2;
      } else {
        code = kReplacement;
      }
    }
    append_utf8(text, code);
  }
  return text;
}

std::string read_unicode_text(const std::filesystem::path& path, const FileKind& kind) {
  const std::string mark = file_beginning(path, 2);
  if (mark != kLittleEndianMark && mark != kBigEndianMark) {
    std::string text = read_text_file(path, kind);
    if (text.starts_with(kUtf8Mark)) text.erase(0, kUtf8Mark.size());
    return text;
  }
  const std::vector<std::uint8_t> bytes = read_whole_file(path, kind);
  std::string text = utf8_of_utf16(
      std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).substr(2),
      mark == kBigEndianMark);
  if (text.find('\0') != std::string::npos) {
    throw UserError("cannot read " + quote(path.string()) + ": expected " + kind.name +
                    ", found zero characters in UTF-16; check the path");
  }
  return text;
}

}  // namespace convmae
