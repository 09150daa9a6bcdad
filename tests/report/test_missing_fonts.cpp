#include "convmae/report/missing_fonts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace convmae {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

TEST(MissingFonts, WithoutAnyThereIsNothingToSay) { EXPECT_EQ(MissingFonts().advice(), ""); }

TEST(MissingFonts, EachScriptHasItsPackage) {
  const auto advice = [](char32_t character) {
    MissingFonts missing;
    missing.add(character);
    return missing.advice();
  };
  for (const char32_t character : {U'日', U'か', U'한', U'！', U'\U00020000'}) {
    EXPECT_THAT(advice(character), EndsWith(" fonts-noto-cjk"));
  }
  for (const char32_t character : {U'ก', U'अ', U'ꀀ', U'\U00012000'}) {
    EXPECT_THAT(advice(character), EndsWith(" fonts-noto-core"));
  }
  EXPECT_THAT(advice(U'😀'), EndsWith(" fonts-noto-color-emoji"));
  EXPECT_THAT(advice(U'a'), EndsWith(" fonts-dejavu-core"));
}

TEST(MissingFonts, EachPackageIsNamedOnceAndAllInOneLine) {
  MissingFonts missing;
  for (const char32_t character : {U'日', U'本', U'😀'}) missing.add(character);
  const std::string first = missing.advice();
  EXPECT_THAT(first, HasSubstr("'日' (U+65E5)"));
  EXPECT_THAT(first, EndsWith(" fonts-noto-cjk fonts-noto-color-emoji"));
  EXPECT_THAT(first, Not(HasSubstr("\n")));

  missing.add(U'本');
  EXPECT_EQ(missing.advice(), "");
  missing.add(U'本');
  missing.add(U'अ');
  EXPECT_THAT(missing.advice(), HasSubstr("'अ'"));
}

}  // namespace
}  // namespace convmae
