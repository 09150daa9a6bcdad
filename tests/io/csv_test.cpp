#include "convmae/io/csv.h"

#include <gtest/gtest.h>

namespace convmae {
namespace {

TEST(Csv, QuotesFieldsThatNeedIt) {
  EXPECT_EQ(csv_field("plain text"), "plain text");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"a\""), "\"say \"\"a\"\"\"");
  EXPECT_EQ(csv_field("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(csv_field("back\r"), "\"back\r\"");
}

TEST(Csv, IsAlwaysUtf8) {
  EXPECT_EQ(csv_field("caf\xe9,1"), "\"caf\\xe9,1\"");
  EXPECT_EQ(csv_field("漢字"), "漢字");
}

}  // namespace
}  // namespace convmae
