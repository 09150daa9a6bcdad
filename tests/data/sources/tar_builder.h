#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace convmae::test {

/// The fields of a tar header that tests turn wrong. Texts are put where they belong as they are.
struct TarHeader {
  std::string name;
  std::string size{};  ///< 11 octal digits, or whatever a test wants there
  char type = '0';
  std::string magic = std::string(
      "ustar\0"
      "00",
      8);
  std::string prefix{};
};

inline std::string octal(std::int64_t number, int digits) {
  std::string text(static_cast<std::size_t>(digits), '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, number /= 8) {
    *digit = static_cast<char>('0' + number % 8);
  }
  return text;
}

/// A header block with its checksum.
inline std::string tar_header(const TarHeader& header) {
  std::string block(512, '\0');
  block.replace(0, header.name.size(), header.name);
  block.replace(124, header.size.size(), header.size);
  block.replace(148, 8, 8, ' ');
  block[156] = header.type;
  block.replace(257, header.magic.size(), header.magic);
  block.replace(345, header.prefix.size(), header.prefix);
  std::int64_t sum = 0;
  for (const char byte : block) sum += static_cast<unsigned char>(byte);
  block.replace(148, 6, octal(sum, 6));
  block[154] = '\0';
  return block;
}

inline std::string padded(std::string content) {
  content.resize((content.size() + 511) / 512 * 512, '\0');
  return content;
}

inline std::string tar_member(const std::string& name, const std::string& content,
                              char type = '0') {
  return tar_header({name, octal(static_cast<std::int64_t>(content.size()), 11), type}) +
         padded(content);
}

inline std::string tar_end() {
  std::string end(1024, '\0');
  return end;
}

inline std::string pax_record(const std::string& key, const std::string& value) {
  const std::string body = " " + key + "=" + value + "\n";
  std::size_t length = body.size();
  while (std::to_string(length).size() + body.size() != length) {
    length = std::to_string(length).size() + body.size();
  }
  return std::to_string(length) + body;
}

}  // namespace convmae::test
