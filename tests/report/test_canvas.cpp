#include "convmae/base/error.h"
#include "convmae/report/canvas.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace convmae {
namespace {

constexpr Colour kPaper{255, 255, 255};
constexpr Lettering kBlack{20, {0, 0, 0}};

/// The smallest rectangle that holds all pixels that are not paper.
Area ink(const Picture& picture) {
  Area found{picture.height, picture.width, 0, 0};
  std::int64_t bottom = 0;
  std::int64_t right = 0;
  for (std::int64_t row = 0; row < picture.height; ++row) {
    for (std::int64_t column = 0; column < picture.width; ++column) {
      if (picture.at(row, column) == kPaper) continue;
      found.row = std::min(found.row, row);
      found.column = std::min(found.column, column);
      bottom = std::max(bottom, row + 1);
      right = std::max(right, column + 1);
    }
  }
  found.height = std::max<std::int64_t>(bottom - found.row, 0);
  found.width = std::max<std::int64_t>(right - found.column, 0);
  return found;
}

TEST(Canvas, BuildThatDoesNotDrawSaysSo) {
  const std::string why = why_nothing_is_drawn();
  if (why.empty()) GTEST_SKIP() << "this build draws";
  EXPECT_THAT(why, testing::HasSubstr("libcairo2-dev"));
  Picture picture(1, 1, kPaper);
  EXPECT_THROW(line_height("a", 10), UserError);
  EXPECT_THROW(Canvas(picture, {0, 0, 1, 1}), UserError);
}

class CanvasTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!why_nothing_is_drawn().empty()) GTEST_SKIP() << why_nothing_is_drawn();
  }

  /// A picture with nothing but that text.
  Picture written(const std::string& text, std::int64_t width = 500, Lettering how = kBlack) {
    Picture picture(60, 540, kPaper);
    Canvas(picture, {0, 0, 60, 540}).text(5, 10, width, text, how, missing_);
    return picture;
  }

  MissingFonts missing_;
};

TEST_F(CanvasTest, TextStandsInItsLine) {
  const Area found = ink(written("Hxg"));
  EXPECT_GE(found.row, 5);
  EXPECT_LE(found.row + found.height, 5 + line_height("Hxg", kBlack.size));
  EXPECT_GT(found.height, kBlack.size / 2);
  EXPECT_GE(found.column, 10);
  EXPECT_LT(found.column, 10 + kBlack.size / 4) << "at the left end";
  EXPECT_GT(found.width, kBlack.size);
}

TEST_F(CanvasTest, TwiceTheSizeIsTwiceAsLarge) {
  const Area small = ink(written("HHHH", 500, {16, {}}));
  const Area large = ink(written("HHHH", 500, {32, {}}));
  EXPECT_NEAR(static_cast<double>(large.width), 2.0 * static_cast<double>(small.width), 4);
  EXPECT_NEAR(static_cast<double>(large.height), 2.0 * static_cast<double>(small.height), 2);
  EXPECT_NEAR(static_cast<double>(line_height("H", 32)),
              2.0 * static_cast<double>(line_height("H", 16)), 2);
}

TEST_F(CanvasTest, LettersHaveTheColourOfTheInk) {
  const Colour red{200, 10, 10};
  const Picture picture = written("HHH", 500, {40, red});
  bool seen = false;
  for (std::int64_t row = 0; row < picture.height; ++row) {
    for (std::int64_t column = 0; column < picture.width; ++column) {
      const Colour pixel = picture.at(row, column);
      seen = seen || pixel == red;
      ASSERT_EQ(pixel.green, pixel.blue) << "edges are mixed of paper and ink alone";
    }
  }
  EXPECT_TRUE(seen);
}

TEST_F(CanvasTest, LongTextKeepsItsBeginningAndItsEndInTheWidth) {
  const std::string middle(5'000, 'n');
  for (const std::int64_t width : {100, 300}) {
    const Picture picture = written("a" + middle + "b.png: loss 1", width);
    const Area found = ink(picture);
    EXPECT_GE(found.column, 10);
    EXPECT_LE(found.column + found.width, 10 + width);
    EXPECT_GT(found.width, width / 2);
    EXPECT_NE(picture.rgb, written("A" + middle + "b.png: loss 1", width).rgb);
    EXPECT_NE(picture.rgb, written("a" + middle + "b.png: loss 8", width).rgb);
  }
  EXPECT_LE(ink(written("anything", 3)).width, 3);
}

TEST_F(CanvasTest, EveryScriptIsDrawnFromTheLeftInItsLine) {
  for (const std::string text : {"caf\u00e9", "日本語.jpg", "قطة.jpg", "קטן", "हिन्दी", "ไทย",
                                 "😀👩‍👩‍👧", "a\u0301\u0301\u0301"}) {
    const Area found = ink(written(text));
    EXPECT_GT(found.width, 0) << text;
    EXPECT_LT(found.column, 10 + kBlack.size / 2) << text;
    EXPECT_LE(found.row + found.height, 5 + line_height(text, kBlack.size)) << text;
  }
}

TEST_F(CanvasTest, BytesThatAreNoTextAreEscaped) {
  EXPECT_EQ(written("a\x9b\n\xe9\x80 b").rgb, written(R"(a\x9b\x0a\xe9\x80 b)").rgb);
  EXPECT_EQ(ink(written("")).width, 0);
}

TEST_F(CanvasTest, CharacterWithoutFontIsABoxAndIsNoted) {
  written("plain");
  EXPECT_EQ(missing_.advice(), "");
  const std::string text = "\u0378";  // stands for nothing: no font has it
  EXPECT_GT(ink(written(text)).width, 5);
  EXPECT_THAT(missing_.advice(), testing::HasSubstr("U+0378"));
}

TEST_F(CanvasTest, NothingOutsideOfThePartChanges) {
  for (const Area area : {Area{10, 20, 8, 30}, Area{-4, -4, 12, 12}, Area{45, 90, 40, 40}}) {
    Picture picture(50, 100, kPaper);
    const std::int64_t above = line_height("H", kBlack.size) / 2;
    Canvas(picture, area).text(8 - above, -10, 200, "HHHHHHHH", kBlack, missing_);
    const Area found = ink(picture);
    EXPECT_GT(found.width, 0);
    EXPECT_GE(found.row, area.row);
    EXPECT_GE(found.column, area.column);
    EXPECT_LE(found.row + found.height, area.row + area.height);
    EXPECT_LE(found.column + found.width, area.column + area.width);
  }
  Picture picture(50, 100, kPaper);
  Canvas(picture, {60, 10, 20, 20}).text(0, 0, 20, "M", kBlack, missing_);
  Canvas(picture, {0, 0, 0, 100}).text(0, 0, 20, "M", kBlack, missing_);
  EXPECT_EQ(ink(picture).width, 0);
}

TEST_F(CanvasTest, PixelsThatNothingIsDrawnOnStayTheSame) {
  Picture picture(9, 14, kPaper);
  for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
    picture.rgb[i] = static_cast<std::uint8_t>(i * 37 + i / 11);
  }
  const Picture before = picture;
  Canvas(picture, {0, 0, 9, 14}).text(0, 0, 14, "", kBlack, missing_);
  EXPECT_EQ(picture.rgb, before.rgb);
}

TEST_F(CanvasTest, PictureOfAnyHeightCanBeWrittenOn) {
  Picture picture(70'000, 40, kPaper);
  Canvas(picture, {69'970, 0, 30, 40}).text(0, 0, 40, "HH", kBlack, missing_);
  EXPECT_GE(ink(picture).row, 69'970);
  EXPECT_GT(ink(picture).height, 5);
}

TEST_F(CanvasTest, WidthOfTextIsThatOfItsInk) {
  const Area found = ink(written("HHHH"));
  EXPECT_NEAR(static_cast<double>(text_width("HHHH", kBlack.size)),
              static_cast<double>(found.width), 5);
  EXPECT_EQ(text_width("", kBlack.size), 0);
}

TEST_F(CanvasTest, WhatLinesGoAroundTwiceStaysUnpainted) {
  Picture picture(20, 30, kPaper);
  const std::vector<ClosedLine> lines{{5, 4, 15, 4, 15, 14, 5, 14}, {8, 7, 12, 7, 12, 11, 8, 11}};
  Canvas(picture, {0, 0, 20, 30}).fill(lines, {{10, 20, 30}});
  EXPECT_EQ(picture.at(4, 5), (Colour{10, 20, 30}));
  EXPECT_EQ(picture.at(13, 14), (Colour{10, 20, 30}));
  EXPECT_EQ(picture.at(9, 10), kPaper) << "a hole";
  EXPECT_EQ(picture.at(4, 15), kPaper);
  EXPECT_EQ(ink(picture).width, 10);
}

TEST_F(CanvasTest, PaintMayBeSeenThrough) {
  Picture picture(10, 10, {200, 100, 0});
  const std::vector<ClosedLine> lines{{0, 0, 10, 0, 10, 5, 0, 5}};
  Canvas(picture, {0, 0, 10, 10}).fill(lines, {{0, 100, 200}, 0.5});
  EXPECT_NEAR(picture.at(2, 2).red, 100, 1);
  EXPECT_NEAR(picture.at(2, 2).blue, 100, 1);
  EXPECT_EQ(picture.at(7, 2), (Colour{200, 100, 0}));
}

TEST_F(CanvasTest, LinesAreClosedAndAsWideAsAsked) {
  Picture picture(30, 30, kPaper);
  const std::vector<ClosedLine> lines{{5, 5, 25, 5, 25, 25, 5, 25}};
  Canvas(picture, {0, 0, 30, 30}).stroke(lines, 2, {{0, 0, 0}});
  EXPECT_EQ(picture.at(15, 4), (Colour{0, 0, 0})) << "the last line, back to the first point";
  EXPECT_EQ(picture.at(15, 5), (Colour{0, 0, 0}));
  EXPECT_EQ(picture.at(15, 6), kPaper);
  EXPECT_EQ(picture.at(15, 15), kPaper);
  Canvas(picture, {0, 0, 30, 30}).stroke({}, 2, {{0, 0, 0}});
}

}  // namespace
}  // namespace convmae
