#include "convmae/data/sources/class_names.h"

#include "convmae/data/sources/class_match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace convmae {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Names = std::vector<std::string>;

constexpr std::int64_t kUnknown = ClassMatch::kUnknown;

TEST(ClassNumber, IsAWholeNumberOf64Bits) {
  EXPECT_EQ(class_number("007"), 7);
  EXPECT_EQ(class_number("-3"), -3);
  EXPECT_EQ(class_number("3.0"), 3);
  EXPECT_EQ(class_number("3."), 3);
  EXPECT_EQ(class_number("9223372036854775807"), 9223372036854775807);
  for (const char* name : {"", ".", ".0", "-", "3.5", "3.0.0", "1e3", "+3", " 3", "3 ", "0x1", "n3",
                           "9223372036854775808", "3.0a"}) {
    EXPECT_EQ(class_number(name), std::nullopt) << name;
  }
}

/// The names, and the classes of the labels in their order.
std::pair<Names, std::vector<std::int64_t>> named(const Names& labels) {
  ClassNames classes;
  std::vector<std::int64_t> indices;
  for (const std::string& label : labels) indices.push_back(classes.add(label));
  classes.settle();
  for (std::int64_t& index : indices) index = classes.index(index);
  return {classes.names(), indices};
}

TEST(ClassNames, AreNumbersInNumericOrderIfAllAreNumbers) {
  const auto [names, indices] = named({"10", "9", "010", "-1", "9223372036854775807", "9.0"});
  EXPECT_THAT(names, ElementsAre("-1", "9", "10", "9223372036854775807"));
  EXPECT_THAT(indices, ElementsAre(2, 1, 2, 0, 3, 1));
}

TEST(ClassNames, ElseTheyAreTextInByteOrder) {
  const auto [names, indices] = named({"10", "9", "cat", "010", "Cat", "\xff"});
  EXPECT_THAT(names, ElementsAre("010", "10", "9", "Cat", "cat", "\\xff"));
  EXPECT_THAT(indices, ElementsAre(1, 2, 4, 0, 3, 5));
  ClassNames none;
  none.settle();
  EXPECT_FALSE(none.numbered());
  EXPECT_THAT(none.names(), IsEmpty());
}

TEST(MatchNames, ByNameOrBySameNumber) {
  EXPECT_THAT(match_names({"b", "a", "x"}, {"a", "b"}).index, ElementsAre(1, 0, kUnknown));
  EXPECT_THAT(match_names({"10", "2", "007"}, {"0", "2", "7", "10"}).index, ElementsAre(3, 1, 2));
  EXPECT_THAT(match_names({"7", "07"}, {"007", "7"}).index, ElementsAre(1, kUnknown))
      << "which one is not known";
  EXPECT_FALSE(match_names({"a", "x"}, {"a"}).complete());
  EXPECT_TRUE(match_names({"a"}, {"b", "a"}).complete());
}

TEST(MatchNames, GuessesOnlyAsManyNamesOppositeNumbersFromZeroOn) {
  const ClassMatch guess = match_or_guess({"ant", "bee"}, {"0", "1"});
  EXPECT_TRUE(guess.guessed);
  EXPECT_THAT(guess.index, ElementsAre(0, 1));
  const Names known{"0", "1"};
  for (const Names& names : {Names{"ant"}, Names{"ant", "1"}, Names{"1", "0"}, Names{"1", "2"}}) {
    EXPECT_FALSE(match_or_guess(names, known).guessed) << names.front();
  }
  EXPECT_FALSE(match_or_guess({"ant", "bee"}, {"1", "2"}).guessed);
  EXPECT_THAT(match_or_guess({"1", "0"}, known).index, ElementsAre(1, 0));
}

TEST(NamesInMessages, AreTheFirstFew) {
  EXPECT_EQ(listed({"a"}), "'a'");
  EXPECT_EQ(listed({"a", "b", "c", "d", "e"}), "'a', 'b', 'c', 'd' and 'e'");
  EXPECT_EQ(listed({"a", "b", "c", "d", "e", "f"}), "'a', 'b', 'c', 'd' and 2 more");
  EXPECT_LT(listed({std::string(5000, 'x')}).size(), 100U);
  EXPECT_EQ(guessed_pairs({"a"}), "class 0 is 'a'");
  EXPECT_EQ(guessed_pairs({"a", "b"}), "class 0 is 'a', class 1 is 'b'");
  EXPECT_EQ(guessed_pairs({"a", "b", "c"}), "class 0 is 'a' ... class 2 is 'c'");
}

TEST(NamesInMessages, TellOfThoseThatAreAlike) {
  EXPECT_EQ(near_miss({"dog", "Cat"}, {"bird", "cat"})->text(),
            "'Cat' and 'cat' differ in letter case alone");
  EXPECT_FALSE(near_miss({"-1", "dog"}, {"1", "cat"}).has_value()) << "numbers are what they are";
  const std::vector<AlikeNames> pairs = alike_names({"-1", "1", "a b", "A_b", "b", "B"});
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[1].one + pairs[1].other, "bB");
}

}  // namespace
}  // namespace convmae
