#include "convmae/report/missing_fonts.h"

#include "convmae/base/utf8.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <iterator>

namespace convmae {
namespace {

struct Characters {
  char32_t first;
  char32_t last;
  const char* package;
};

constexpr const char* kChinese = "fonts-noto-cjk";  // Chinese, Japanese, Korean
constexpr const char* kAllElse = "fonts-noto-core";

constexpr std::array kPackages = {
    Characters{0, 0x024F, "fonts-dejavu-core"},  // Latin: there is no font at all
    Characters{0x1100, 0x11FF, kChinese},
    Characters{0x2E80, 0x9FFF, kChinese},
    Characters{0xA960, 0xA97F, kChinese},
    Characters{0xAC00, 0xD7FF, kChinese},
    Characters{0xF900, 0xFAFF, kChinese},
    Characters{0xFE30, 0xFE4F, kChinese},
    Characters{0xFF00, 0xFFEF, kChinese},
    Characters{0x1F000, 0x1FAFF, "fonts-noto-color-emoji"},
    Characters{0x20000, 0x3FFFF, kChinese},
};

std::string package_of(char32_t character) {
  const auto* const found = std::ranges::find_if(kPackages, [character](const Characters& some) {
    return character >= some.first && character <= some.last;
  });
  return found == kPackages.end() ? kAllElse : found->package;
}

}  // namespace

void MissingFonts::add(char32_t character) {
  const std::string package = package_of(character);
  if (named_.contains(package)) return;
  if (unnamed_.empty()) example_ = character;
  unnamed_.insert(package);
}

std::string MissingFonts::advice() {
  if (unnamed_.empty()) return "";
  std::string packages;
  for (const std::string& package : unnamed_) packages += " " + package;
  std::array<char, 16> code{};
  std::snprintf(code.data(), code.size(), "U+%04X", static_cast<unsigned>(example_));
  std::string letter;
  append_utf8(letter, example_);
  named_.merge(unnamed_);
  unnamed_.clear();
  return "no installed font has '" + letter + "' (" + code.data() +
         "), which is drawn as a box; Debian has fonts for it: apt-get install" + packages;
}

}  // namespace convmae
