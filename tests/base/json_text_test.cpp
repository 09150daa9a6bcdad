#include "convmae/base/json_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

TEST(JsonText, WritesWhatNlohmannWrites) {
  const Json json = {{"name", "café 漢字 😀"}, {"list", {1, 2.5, nullptr, true}}, {"object", {}}};
  EXPECT_EQ(json_text(json), json.dump());
  EXPECT_EQ(json_text(json, 2), json.dump(2));
  EXPECT_EQ(json_text(std::numeric_limits<double>::quiet_NaN()), "null");
}

TEST(JsonText, ReplacesBytesThatAreNoText) {
  EXPECT_EQ(json_text("caf\xe9"), "\"caf\uFFFD\"");
  EXPECT_EQ(Json::parse(json_text({{"k\xff", "w\xed\xa0\x80"}})).size(), 1U);
  EXPECT_EQ(json_text("cut \xe2\x82"), "\"cut \uFFFD\"");
}

TEST(JsonText, EscapesWhatATerminalWouldObeyAndMeansTheSame) {
  const std::string text = "\x1b[31m \x7f \u009b \u202E \u2028 \n é";
  const std::string written = json_text({{"name", text}}, 1);
  EXPECT_EQ(written, R"({
 "name": "\u001b[31m \u007f \u009b \u202e \u2028 \n é"
})");
  EXPECT_EQ(Json::parse(written).at("name"), text);
}

}  // namespace
}  // namespace convmae
