#include "convmae/io/csv.h"

#include "convmae/base/error.h"
#include "convmae/base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace convmae {
namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(std::string_view text, std::string_view separators = ",") {
  CsvReader reader(text, separators, "t.csv");
  Rows rows;
  for (CsvRow row; reader.next(row);) {
    std::vector<std::string>& fields = rows.emplace_back();
    for (const CsvField& field : row.fields) fields.push_back(field.text);
  }
  return rows;
}

std::string error_of(std::string_view text) {
  try {
    rows_of(text);
  } catch (const UserError& error) {
    return error.what();
  }
  return "none";
}

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

TEST(Csv, ReadsTheExamplesOfRfc4180) {
  const Rows expected{{"aaa", "bbb", "ccc"}, {"zzz", "yyy", "xxx"}};
  EXPECT_EQ(rows_of("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n"), expected);
  EXPECT_EQ(rows_of("aaa,bbb,ccc\r\nzzz,yyy,xxx"), expected);
  EXPECT_EQ(rows_of("\"aaa\",\"bbb\",\"ccc\"\r\nzzz,yyy,xxx"), expected);
  EXPECT_EQ(rows_of("\"aaa\",\"b\r\nbb\",\"ccc\"\r\nzzz,yyy,xxx"),
            (Rows{{"aaa", "b\r\nbb", "ccc"}, {"zzz", "yyy", "xxx"}}));
  EXPECT_EQ(rows_of("\"aaa\",\"b\"\"bb\",\"ccc\""), (Rows{{"aaa", "b\"bb", "ccc"}}));
}

TEST(Csv, RowsEndWithAnyLineBreakAndBlankOnesAreNone) {
  const Rows expected{{"a", "b"}, {"c", "d"}};
  EXPECT_EQ(rows_of("a,b\nc,d\n"), expected);
  EXPECT_EQ(rows_of("a,b\rc,d\r"), expected);
  EXPECT_EQ(rows_of("\n\r\n  \na,b\n,\n# say \"hi\n\"\",\nc,d\n\n"), expected);
  EXPECT_EQ(rows_of(""), Rows{});
}

TEST(Csv, KeepsBlanksAndQuotesThatBelongToTheText) {
  EXPECT_EQ(rows_of(" a b ,5\" disk,\" c \" , \"d\"\n"), (Rows{{" a b ", "5\" disk", " c ", "d"}}));
  EXPECT_EQ(rows_of("a,\"\",b,\n"), (Rows{{"a", "", "b", ""}}));
  EXPECT_EQ(rows_of("\"#1\",a\n"), (Rows{{"#1", "a"}}));
}

TEST(Csv, SeparatorsAreThoseThatAreGiven) {
  EXPECT_EQ(rows_of("a,1\tb;2\n", "\t"), (Rows{{"a,1", "b;2"}}));
  EXPECT_EQ(rows_of("a\tb,c\n", ",\t"), (Rows{{"a", "b", "c"}}));
  EXPECT_EQ(rows_of("\t\"a\"\t\t\"b\"\n", "\t"), (Rows{{"", "a", "", "b"}}));
  EXPECT_EQ(rows_of("  \"a b\"   c \"d\" \n", " "), (Rows{{"a b", "c", "d"}}));
  EXPECT_EQ(rows_of("\"a b\" 3\n"), (Rows{{"a b", "3"}}));
}

TEST(Csv, RemembersTheLineAndWhatStoodThere) {
  CsvReader reader("# note\r\n\"a\r\nb\",\"c\rd\"\r\n\n e , \"f\"\"\"\n", ",", "t.csv");
  CsvRow row;
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row.line, 2);
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row.line, 6);
  EXPECT_EQ(reader.place(row.line), "t.csv, line 6");
  EXPECT_EQ(row.fields.at(0).raw, " e ");
  EXPECT_FALSE(row.fields.at(0).quoted);
  EXPECT_EQ(row.fields.at(1).raw, " \"f\"\"\"");
  EXPECT_TRUE(row.fields.at(1).quoted);
  EXPECT_FALSE(reader.next(row));
}

TEST(Csv, QuotesThatDoNotMatchAreErrorsThatNameTheirLine) {
  EXPECT_THAT(error_of("a,b\nc,\"d\ne,f\n"), testing::HasSubstr("t.csv, line 2"));
  EXPECT_THAT(error_of("a,\"say \\\"b\\\"\"\n"),
              testing::HasSubstr("line 1: expected a separator"));
  EXPECT_THAT(error_of("\"a\"b\n"), testing::HasSubstr("found 'b'"));
  EXPECT_THAT(error_of(std::string(1 << 18, ',')), testing::HasSubstr("131072 fields"));
}

TEST(Csv, WhatWasWrittenIsReadBackWhateverItHolds) {
  constexpr std::string_view kPieces[] = {"a", ",", "\"", "\r\n", "\n", "\r", " ", "\t", "#", "é"};
  CounterRandom random(1, 2, 3, Purpose::order);
  for (int trial = 0; trial < 500; ++trial) {
    Rows rows;
    std::string text;
    for (int row = 0; row < 3; ++row) {
      std::vector<std::string>& fields = rows.emplace_back();
      for (int column = 0; column < 3; ++column) {
        std::string field = random.below(2) == 0 ? "x" : "";
        for (int piece = 0; piece < 5; ++piece) field += kPieces[random.below(10)];
        text += (column > 0 ? "," : "") + csv_field(field);
        fields.push_back(field);
      }
      text += "\n";
    }
    ASSERT_EQ(rows_of(text), rows) << text;
  }
}

}  // namespace
}  // namespace convmae
