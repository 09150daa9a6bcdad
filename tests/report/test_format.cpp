#include "convmae/report/format.h"

#include <gtest/gtest.h>

#include <cmath>

namespace convmae {
namespace {

TEST(Format, NumbersKeepSignificantDigits) {
  EXPECT_EQ(format_number(0), "0");
  EXPECT_EQ(format_number(0.043123), "0.04312");
  EXPECT_EQ(format_number(213), "213");
  EXPECT_EQ(format_number(12800), "12800");
  EXPECT_EQ(format_number(-1.5), "-1.5");
  EXPECT_EQ(format_number(0.00012), "1.200e-04");
  EXPECT_EQ(format_number(NAN), "nan");
  EXPECT_EQ(format_number(-INFINITY), "-inf");
}

TEST(Format, FixedAndScientificHaveAConstantNumberOfDigits) {
  EXPECT_EQ(format_fixed(0.43, 4), "0.4300");
  EXPECT_EQ(format_fixed(INFINITY, 4), "inf");
  EXPECT_EQ(format_scientific(0.00012, 1), "1.2e-04");
  EXPECT_EQ(format_scientific(0, 1), "0.0e+00");
}

TEST(Format, CountsAreGroupedOrShortened) {
  EXPECT_EQ(format_count(950), "950");
  EXPECT_EQ(format_count(9999), "9999");
  EXPECT_EQ(format_count(12800), "12\u202f800");
  EXPECT_EQ(format_count(1281167), "1.28 M");
  EXPECT_EQ(format_count(86.1e9), "86.1 G");
}

TEST(Format, SharesArePercentages) {
  EXPECT_EQ(format_share(0.0041), "0.4 %");
  EXPECT_EQ(format_share(0.0996), "10 %");
  EXPECT_EQ(format_share(1), "100 %");
  EXPECT_EQ(format_share(NAN), "?");
}

TEST(Format, DurationsReadLikeAClock) {
  EXPECT_EQ(format_duration(42.4), "42 s");
  EXPECT_EQ(format_duration(59.6), "1:00");
  EXPECT_EQ(format_duration(272), "4:32");
  EXPECT_EQ(format_duration(3723), "1:02:03");
  EXPECT_EQ(format_duration(2 * 86400 + 3 * 3600 + 240), "2 d 03:04");
  EXPECT_EQ(format_duration(-1), "?");
  EXPECT_EQ(format_duration(INFINITY), "?");
}

}  // namespace
}  // namespace convmae
