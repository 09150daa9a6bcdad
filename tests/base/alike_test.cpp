#include "convmae/base/alike.h"

#include <gtest/gtest.h>

#include <string_view>

namespace convmae {
namespace {

TEST(Alike, SaysInWhatNamesDifferThatLookTheSame) {
  const auto expect = [](std::string_view one, std::string_view other, std::string_view beginning) {
    EXPECT_TRUE(difference_of_alike(one, other).starts_with(beginning)) << one << " " << other;
    EXPECT_TRUE(difference_of_alike(other, one).starts_with(beginning)) << other << " " << one;
    EXPECT_FALSE(difference_of_alike(one, other).empty()) << one << " " << other;
  };
  expect("Cat", "cat", "letter case");
  expect("ÉCOLE", "école", "letter case");
  expect("КОТ", "кот", "letter case");
  expect("cat ", "cat", "blanks");
  expect("golden_retriever", "golden-retriever", "blanks");
  expect("cat\u00a0", "\ufeffcat", "blanks");
  expect("cafe\u0301", "caf\u00e9", "the encoding");
  expect("\u304b\u3099", "\u304c", "the encoding");
  expect("e\u0323\u0302", "\u1ec7", "the encoding");
  expect("\u1112\u1161\u11ab\u1100\u1173\u11af", "\ud55c\uae00", "the encoding");
  expect("U\u0308ber mut", "\u00fcber_mut", "letter case, blanks");
}

TEST(Alike, LeavesOtherNamesAndTheSameAlone) {
  for (const auto& [one, other] : {
           std::pair{"cat", "cat"},
           std::pair{"cat", "cut"},
           std::pair{"cat", "cats"},
           std::pair{"resume", "re\u0301sume\u0301"},
           std::pair{"\u1112\u1161", "\ud55c"},
           std::pair{"\xff", "\xfe"},
           std::pair{"", "a"},
       }) {
    EXPECT_EQ(difference_of_alike(one, other), "") << one << " " << other;
  }
}

TEST(Alike, OneKeyForTextsThatDifferInCaseAndBlanks) {
  EXPECT_EQ(without_case_and_blanks("Golden_Retriever "), U"goldenretriever");
  EXPECT_NE(without_case_and_blanks("\xff"), without_case_and_blanks("\xfe"));
}

}  // namespace
}  // namespace convmae
