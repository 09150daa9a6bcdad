#include "convmae/report/confusions.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>

namespace convmae {
namespace {

constexpr std::array<std::array<std::int64_t, 3>, 3> kCounts{{{1, 0, 0}, {1, 3, 0}, {0, 0, 0}}};

ConfusionTable some_confusions() {
  const auto count = [](std::int64_t label, std::int64_t predicted) {
    return kCounts.at(static_cast<std::size_t>(label)).at(static_cast<std::size_t>(predicted));
  };
  return {{"a", "b,c", "d"}, count, [count](std::int64_t label) {
            return count(label, 0) + count(label, 1) + count(label, 2);
          }};
}

TEST(Confusions, HaveTheNamesOfTheirClasses) {
  EXPECT_EQ(confusion_csv(some_confusions()),
            "class,a,\"b,c\",d\na,1,0,0\n\"b,c\",1,3,0\nd,0,0,0\n");
}

TEST(Confusions, AreDarkWhereTheyAreMany) {
  const Picture picture = confusion_picture(some_confusions());
  EXPECT_EQ(picture.width, 600);
  EXPECT_EQ(picture.height, 600);
  EXPECT_EQ(picture.at(0, 0), (Colour{8, 48, 107}));
  EXPECT_EQ(picture.at(0, 599), (Colour{255, 255, 255}));
  EXPECT_GT(picture.at(250, 0).red, picture.at(250, 250).red);
  // A class without anything is white, and no division by zero.
  EXPECT_EQ(picture.at(599, 599), (Colour{255, 255, 255}));
}

}  // namespace
}  // namespace convmae
