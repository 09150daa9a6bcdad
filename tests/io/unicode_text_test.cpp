#include "convmae/io/unicode_text.h"

#include "convmae/base/error.h"

#include <gtest/gtest.h>

#include "test_files.h"
#include <string>
#include <string_view>

namespace convmae {
namespace {

using namespace std::string_view_literals;

TEST(UnicodeText, Utf16BecomesUtf8) {
  EXPECT_EQ(utf8_of_utf16("a\0\xe9\0\x22\x6f\x3d\xd8\x00\xde"sv, false), "aé漢😀");
  EXPECT_EQ(utf8_of_utf16("\0a\0\xe9\x6f\x22\xd8\x3d\xde\x00"sv, true), "aé漢😀");
}

TEST(UnicodeText, HalvesOfPairsAreReplaced) {
  EXPECT_EQ(utf8_of_utf16("\xd8\x3d"sv, true), "\xef\xbf\xbd");
  EXPECT_EQ(utf8_of_utf16("\xde\x00\0a"sv, true),
            "\xef\xbf\xbd"
            "a");
  EXPECT_EQ(utf8_of_utf16("\xd8\x3d\xd8\x3d\xde\x00"sv, true), "\xef\xbf\xbd😀");
  EXPECT_EQ(utf8_of_utf16("\xd8\x3d\xde"sv, true), "\xef\xbf\xbd");
  EXPECT_EQ(utf8_of_utf16("a"sv, false), "");
}

}  // namespace
}  // namespace convmae
