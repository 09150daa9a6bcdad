#include "convmae/base/json_fields.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace convmae {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(JsonFields, AreTakenOneByOne) {
  JsonFields fields(R"({"count": 3.0, "share": 0.5, "on": true, "name": "a", "sides": [1, 2]})",
                    "the text");
  std::int64_t count = 0;
  double share = 0;
  bool on = false;
  std::string name;
  std::vector<std::int64_t> sides;
  fields.take("sides", sides);
  fields.take("count", count);
  fields.take("share", share);
  EXPECT_THAT(error_of([&] { fields.finish(); }), HasSubstr("the text has an unknown key 'on'"));
  fields.take("on", on);
  fields.take("name", name);
  fields.finish();
  EXPECT_EQ(count, 3);
  EXPECT_EQ(share, 0.5);
  EXPECT_TRUE(on);
  EXPECT_EQ(name, "a");
  EXPECT_THAT(sides, ElementsAre(1, 2));
}

TEST(JsonFields, OfAnotherTypeOrMissingAreRefused) {
  JsonFields fields(R"({"count": 3.5, "sides": [1, "b"], "on": 1})", "the text");
  std::int64_t count = 0;
  std::vector<std::int64_t> sides;
  bool on = false;
  EXPECT_THAT(error_of([&] { fields.take("count", count); }),
              HasSubstr("the text has no usable count: '3.5'"));
  EXPECT_THAT(error_of([&] { fields.take("sides", sides); }), HasSubstr("no usable sides"));
  EXPECT_THAT(error_of([&] { fields.take("on", on); }), HasSubstr("no usable on"));
  EXPECT_THAT(error_of([&] { fields.take("colour", count); }), HasSubstr("has no colour"));
}

TEST(JsonFields, AreOfAnObjectThatIsNotDeep) {
  for (const char* const text : {"", "[]", "3", R"({"a": )", R"({"a": [[[[1]]]]})"}) {
    const std::string error = error_of([&] {
      JsonFields fields(text, "the text");
      fields.finish();
    });
    EXPECT_NE(error, "") << text;
  }
}

}  // namespace
}  // namespace convmae
