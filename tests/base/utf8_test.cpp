#include "convmae/base/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace convmae {
namespace {

TEST(Utf8, NumbersTheFirstCharacter) {
  const auto expect = [](std::string_view text, char32_t code, std::size_t size) {
    EXPECT_EQ(first_character(text).code, code) << text;
    EXPECT_EQ(first_character(text).size, size) << text;
  };
  expect("abc", U'a', 1);
  expect("éa", U'é', 2);
  expect("漢字", U'漢', 3);
  expect("😀!", U'😀', 4);
  expect("\xf4\x8f\xbf\xbf", 0x10FFFF, 4);
  expect("\xed\xa0\x80", 0xD800, 3);
  expect("", 0, 0);
}

TEST(Utf8, FindsNoCharacterWhereTheBytesMakeNone) {
  for (const std::string_view text :
       {"\x80", "\xbf", "\xe9 a", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc0\xaf", "\xc1\xbf",
        "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_EQ(first_character(text).size, 0U) << text;
    EXPECT_FALSE(is_utf8(text)) << text;
    EXPECT_FALSE(is_pickled_text("a" + std::string(text))) << text;
  }
}

TEST(Utf8, OnlyPickledTextHasLoneSurrogates) {
  const std::string_view surrogate = "caf\xed\xb3\xa9";
  EXPECT_TRUE(is_pickled_text(surrogate));
  EXPECT_FALSE(is_utf8(surrogate));
  EXPECT_TRUE(is_utf8("café 漢字 😀"));
  EXPECT_TRUE(is_utf8(""));
}

TEST(Utf8, APrefixEndsWithAWholeCharacter) {
  EXPECT_EQ(utf8_prefix("abc", 5), "abc");
  EXPECT_EQ(utf8_prefix("abc", 2), "ab");
  EXPECT_EQ(utf8_prefix("aé", 2), "a");
  EXPECT_EQ(utf8_prefix("aéb", 3), "aé");
  EXPECT_EQ(utf8_prefix("a😀", 4), "a");
  EXPECT_EQ(utf8_prefix("😀b", 4), "😀");
  EXPECT_EQ(utf8_prefix("é", 1), "");
  EXPECT_EQ(utf8_prefix("\x80\x80\x80\x80\x80", 3), "\x80\x80\x80");
}

}  // namespace
}  // namespace convmae
