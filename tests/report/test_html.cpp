#include "convmae/report/html.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace convmae {
namespace {

std::string base64_of(const std::string& text) {
  return encode_base64(std::vector<std::uint8_t>(text.begin(), text.end()));
}

TEST(Html, MarkupIsEscaped) {
  EXPECT_EQ(escape_html(R"(<a b="c" d='e'>&amp;)"),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;");
}

TEST(Html, ValidUtf8Stays) {
  const std::string text = "\u00e9 \u20ac \U0001F40D\n\tok";
  EXPECT_EQ(escape_html(text), text);
}

TEST(Html, WhatXmlForbidsIsReplaced) {
  const std::string replacement = "\uFFFD";
  EXPECT_EQ(escape_html(std::string("a\0b", 3)), "a" + replacement + "b");
  EXPECT_EQ(escape_html("\x1b[31m"), replacement + "[31m");
  EXPECT_EQ(escape_html("caf\xe9"), "caf" + replacement);
  EXPECT_EQ(escape_html("\xc3"), replacement);
  // Overlong '/', beyond U+10FFFF: no byte of them survives.
  EXPECT_EQ(escape_html("\xc0\xaf"), replacement + replacement);
  EXPECT_EQ(escape_html("\xf4\x90\x80\x80"), replacement + replacement + replacement + replacement);
}

TEST(Html, CharactersThatAreNoTextAreReplaced) {
  // A surrogate, U+FFFF, a control character, a mark that turns what follows around.
  for (const char* const text : {"\xed\xa0\x80", "\uFFFF", "\u009b", "\u202E"}) {
    EXPECT_EQ(escape_html(text), "\uFFFD");
  }
}

// RFC 4648, section 10.
TEST(Html, Base64VectorsOfTheStandard) {
  EXPECT_EQ(base64_of(""), "");
  EXPECT_EQ(base64_of("f"), "Zg==");
  EXPECT_EQ(base64_of("fo"), "Zm8=");
  EXPECT_EQ(base64_of("foo"), "Zm9v");
  EXPECT_EQ(base64_of("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64_of("\xff\xfe\xfb"), "//77");
}

}  // namespace
}  // namespace convmae
