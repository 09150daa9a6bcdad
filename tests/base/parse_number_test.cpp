#include "convmae/base/parse_number.h"

#include <gtest/gtest.h>

namespace convmae {
namespace {

TEST(ParseNumber, TakesTextThatIsANumberAndNothingElse) {
  EXPECT_EQ(parse_number<int>("-17"), -17);
  EXPECT_EQ(parse_number<unsigned>("fF", 16), 255U);
  EXPECT_EQ(parse_number<double>("0.5"), 0.5);
  for (const char* text : {"", " 1", "1 ", "+1", "1.5", "0x1", "99999999999", "a"}) {
    EXPECT_FALSE(parse_number<int>(text)) << text;
  }
  EXPECT_FALSE(parse_number<double>("0.5."));
}

TEST(ParseNumber, CountsAreNotBelowZero) {
  EXPECT_EQ(parse_count("0"), 0);
  EXPECT_EQ(parse_count("007"), 7);
  EXPECT_EQ(parse_count("017", 8), 15);
  EXPECT_EQ(parse_count("9223372036854775807"), INT64_MAX);
  for (const char* text : {"", "-1", "9223372036854775808", "8a"}) {
    EXPECT_FALSE(parse_count(text)) << text;
  }
  EXPECT_FALSE(parse_count("8", 8));
}

}  // namespace
}  // namespace convmae
