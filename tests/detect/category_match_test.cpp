#include "convmae/detect/category_match.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/test_files.h"

namespace convmae {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

coco::Dataset dataset_of(const std::string& categories) {
  const convmae::test::TemporaryDirectory directory;
  convmae::test::write_text(
      directory / "a.json",
      R"({"images": [], "annotations": [], "categories": [)" + categories + "]}");
  return coco::Dataset::read(directory / "a.json");
}

TEST(CategoryMatch, IsByNameWhateverTheIds) {
  const CategoryMatch match =
      match_categories({{1, "dog"}, {2, "cat"}, {3, "emu"}},
                       dataset_of(R"({"id": 2, "name": "dog"}, {"id": 9, "name": "cat"},
                                     {"id": 5, "name": "gnu"}, {"id": 11, "name": "dog"})"),
                       "--annotations");
  EXPECT_THAT(match.ids, ElementsAre(Optional(2), Optional(9), std::nullopt));
  ASSERT_EQ(match.remarks.size(), 2);
  EXPECT_THAT(match.remarks[0], HasSubstr("'gnu'"));
  EXPECT_THAT(match.remarks[1], HasSubstr("'emu'"));
}

TEST(CategoryMatch, OfWeightsThatNameNoneIsByTheirOrder) {
  const CategoryMatch match = match_categories(
      {{0, "0"}, {1, "1"}}, dataset_of(R"({"id": 7, "name": "cat"}, {"id": 3, "name": "dog"})"),
      "--annotations");
  EXPECT_THAT(match.ids, ElementsAre(Optional(3), Optional(7)));
  ASSERT_EQ(match.remarks.size(), 1);
  EXPECT_THAT(match.remarks[0], HasSubstr("guessed"));
}

TEST(CategoryMatch, WithNothingInCommonIsAnError) {
  EXPECT_THAT(
      [] {
        match_categories({{0, "a"}}, dataset_of(R"({"id": 7, "name": "b"})"), "--annotations");
      },
      testing::ThrowsMessage<UserError>(HasSubstr("'b'")));
}

}  // namespace
}  // namespace convmae
