#include "convmae/base/quote.h"

#include "convmae/base/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace convmae {
namespace {

TEST(Quote, ShowsValidTextAsItIs) {
  for (const std::string_view text : std::initializer_list<std::string_view>{
           "", "plain", "it's a \\ path/", "café", "漢字", "😀👩‍🚀", "עברית"}) {
    EXPECT_EQ(printable(text), text);
    EXPECT_EQ(quote(text), "'" + std::string(text) + "'");
  }
}

TEST(Quote, EscapesWhatATerminalWouldObey) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"\x1b[31m", "\\x1b[31m"},
      {std::string("a\0b", 3), "a\\x00b"},
      {"a\nb\r\tc\x7f", "a\\x0ab\\x0d\\x09c\\x7f"},
      {"\xc2\x9b"
       "31m",
       "\\u{9b}31m"},
      {"cat\u202Egpj.exe", "cat\\u{202e}gpj.exe"},
      {"\u2066a\u2069", "\\u{2066}a\\u{2069}"},
      {"a\u2028b\u2029", "a\\u{2028}b\\u{2029}"}};
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(printable(text), expected);
    EXPECT_EQ(printable(expected), expected) << "what is printable stays";
  }
}

TEST(Quote, EscapesBytesThatAreNoText) {
  EXPECT_EQ(quote("caf\xe9"), "'caf\\xe9'");
  EXPECT_EQ(quote("\x9b"), "'\\x9b'");
  EXPECT_EQ(quote("\xc0\xaf é"), "'\\xc0\\xaf é'");
  EXPECT_EQ(quote("w\xed\xa0\x80"), "'w\\u{d800}'");
}

TEST(Quote, KeepsTheBeginningAndTheEndOfALongPath) {
  const std::string name(255, 'n');  // the longest that Linux has
  const std::string path = "/data/images/" + std::string(4000, 'd') + "/" + name;
  const std::string shown = brief(path);
  EXPECT_EQ(shown.size(), 300U);
  EXPECT_TRUE(shown.starts_with("/data/images/"));
  EXPECT_TRUE(shown.ends_with("d/" + name)) << shown;
  EXPECT_NE(shown.find("..."), std::string::npos);
  EXPECT_EQ(brief(std::string(300, 'a')), std::string(300, 'a'));
}

TEST(Quote, CutsNoCharacterAndNoEscape) {
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::string text(shift, 'a');
    for (int i = 0; i < 200; ++i) text += "é漢😀";
    EXPECT_TRUE(is_utf8(brief(text)));
    EXPECT_EQ(brief(text).find('\\'), std::string::npos) << "a part of a character is escaped";
    const std::string escapes = brief(std::string(shift, 'a') + std::string(500, '\x1b'));
    EXPECT_LE(escapes.size(), 300U);
    EXPECT_EQ(escapes.substr(escapes.find("...") + 3).find("\\x1b"), 0U);
    EXPECT_TRUE(escapes.ends_with("\\x1b"));
  }
}

TEST(Quote, AWordForTheShellIsPlainQuotedOrEscaped) {
  EXPECT_EQ(shell_word("runs/a-1.5"), "runs/a-1.5");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("my run"), "'my run'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("a\\b"), "'a\\b'");
  EXPECT_EQ(shell_word("café"), "'café'");
  EXPECT_EQ(shell_word("caf\xe9's \\"), "$'caf\\xe9\\'s \\\\'");
  EXPECT_EQ(shell_word("a\x1b\u202E"), "$'a\\x1b\\xe2\\x80\\xae'");
}

TEST(Quote, NamesForTextFilesStayApart) {
  EXPECT_EQ(as_utf8("café\x1b"), "café\x1b");
  EXPECT_EQ(as_utf8("caf\xe9"), "caf\\xe9");
  EXPECT_EQ(as_utf8("w\xed\xa0\x80"), "w\\xed\\xa0\\x80");
  EXPECT_NE(as_utf8("a\xe8"), as_utf8("a\xe9"));
}

}  // namespace
}  // namespace convmae
