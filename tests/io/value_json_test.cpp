#include "convmae/io/value_json.h"

#include "convmae/base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace convmae {
namespace {

TEST(ValueJson, LongTextIsCutBetweenCharacters) {
  EXPECT_EQ(shortened(std::string(1000, 'a')), std::string(1000, 'a'));
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::string text(shift, 'a');
    while (text.size() < 2000) text += "漢";
    const std::string cut = shortened(text);
    EXPECT_TRUE(is_utf8(cut)) << shift;
    EXPECT_TRUE(cut.ends_with("漢...")) << shift;
    EXPECT_GT(cut.size(), 1000U);
  }
}

std::string repeated(const std::string& piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += piece;
  return text;
}

std::string object_of(int keys) {
  std::string text = "{\"a\":0";
  for (int i = 1; i < keys; ++i) text += ",\"" + std::to_string(i) + "\":0";
  return text + "}";
}

TEST(ModestJson, HasFewLevelsValuesAndKeys) {
  EXPECT_TRUE(is_modest_json("0"));
  EXPECT_TRUE(is_modest_json(repeated("[", 8) + repeated("]", 8)));
  EXPECT_FALSE(is_modest_json(repeated("[", 9) + repeated("]", 9)));
  EXPECT_TRUE(is_modest_json(object_of(1'000)));
  EXPECT_FALSE(is_modest_json(object_of(1'001)));
  EXPECT_TRUE(is_modest_json("[" + repeated(object_of(1'000) + ",", 2) + "0]"));
  EXPECT_TRUE(is_modest_json("[" + repeated("0,", 999'998) + "0]"));
  EXPECT_FALSE(is_modest_json("[" + repeated("{},", 1'000'000) + "0]"));
  EXPECT_FALSE(is_modest_json("[0"));
  EXPECT_FALSE(is_modest_json(""));
}

TEST(ModestJson, IsParsedInOnePass) {
  // where each object looked at all before it, this would take minutes
  const auto json = parse_shallow_json("[" + repeated("{},", 400'000) + "7]");
  ASSERT_EQ(json.size(), 400'001);
  EXPECT_EQ(json.back(), 7);
  EXPECT_TRUE(parse_shallow_json("{\"a\":").is_discarded());
  EXPECT_TRUE(parse_shallow_json(object_of(1'001)).is_discarded());
}

}  // namespace
}  // namespace convmae
