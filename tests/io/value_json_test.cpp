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

}  // namespace
}  // namespace convmae
