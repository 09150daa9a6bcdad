#include "convmae/report/canvas.h"
#include "convmae/report/panel.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace convmae {
namespace {

constexpr Colour kRed{200, 0, 0};
constexpr Colour kBlue{0, 0, 200};

/// Top row and left column of the first pixel of that colour, {-1, -1} if there is none.
std::pair<std::int64_t, std::int64_t> find(const Picture& picture, Colour colour) {
  for (std::int64_t row = 0; row < picture.height; ++row) {
    for (std::int64_t column = 0; column < picture.width; ++column) {
      if (picture.at(row, column) == colour) return {row, column};
    }
  }
  return {-1, -1};
}

std::int64_t count(const Picture& picture, Colour colour) {
  std::int64_t pixels = 0;
  for (std::int64_t row = 0; row < picture.height; ++row) {
    for (std::int64_t column = 0; column < picture.width; ++column) {
      pixels += picture.at(row, column) == colour ? 1 : 0;
    }
  }
  return pixels;
}

/// Sheets are drawn, which a build may leave out.
class Sheet : public testing::Test {
 protected:
  void SetUp() override {
    if (!why_nothing_is_drawn().empty()) GTEST_SKIP() << why_nothing_is_drawn();
  }
  Picture compose(const Panel& panel, std::int64_t scale = 0) {
    return convmae::compose(panel, missing_, scale);
  }

 private:
  MissingFonts missing_;
};

TEST(Panel, RemovedBlocksArePaintedOver) {
  const Picture picture(4, 6, kRed);  // 2 x 3 blocks of side 2
  const std::vector<std::uint8_t> removed = {0, 1, 0, 0, 0, 1};
  const Picture masked = hide_removed(picture, 2, removed);
  for (std::int64_t row = 0; row < 4; ++row) {
    for (std::int64_t column = 0; column < 6; ++column) {
      const bool gone = removed[static_cast<std::size_t>(row / 2 * 3 + column / 2)] == 1;
      EXPECT_EQ(masked.at(row, column), gone ? kRemovedColour : kRed) << row << " " << column;
    }
  }
}

TEST(Panel, VisiblePixelsAreTheOriginalsAndTheRestThePredictions) {
  const Picture original(2, 4, kRed);
  const Picture prediction(2, 4, kBlue);
  const Picture pasted = paste_visible(original, prediction, 2, std::vector<std::uint8_t>{1, 0});
  EXPECT_EQ(pasted.at(1, 1), kBlue);
  EXPECT_EQ(pasted.at(1, 2), kRed);
}

TEST(Panel, MaskOfAnotherGridIsRefused) {
  const Picture picture(4, 6, kRed);
  EXPECT_THROW(hide_removed(picture, 2, std::vector<std::uint8_t>(5)), std::invalid_argument);
  EXPECT_THROW(hide_removed(picture, 4, std::vector<std::uint8_t>(1)), std::invalid_argument);
  EXPECT_THROW(paste_visible(picture, Picture(4, 4, kRed), 2, std::vector<std::uint8_t>(6)),
               std::invalid_argument);
}

TEST_F(Sheet, TilesKeepTheirPixelsAndStandInOneRow) {
  for (const std::int64_t side : {64, 96, 224}) {
    const Picture red(side, side, kRed);
    const Picture blue(side, side, kBlue);
    const Picture sheet = compose({.headings = {"a", "b"}, .rows = {{{red, blue}, "caption"}}}, 1);
    EXPECT_EQ(count(sheet, kRed), side * side);
    EXPECT_EQ(count(sheet, kBlue), side * side);
    const auto [red_row, red_column] = find(sheet, kRed);
    const auto [blue_row, blue_column] = find(sheet, kBlue);
    EXPECT_EQ(red_row, blue_row);
    EXPECT_GT(blue_column - red_column, side) << "a gutter parts the tiles";
    EXPECT_LT(blue_column - red_column, side + side / 10) << "and it is thin";
  }
}

TEST_F(Sheet, SmallTilesAreEnlargedToBeSeen) {
  const auto shown_side = [this](std::int64_t side) {
    const Picture sheet = compose({.headings = {}, .rows = {{{Picture(side, side, kRed)}, ""}}});
    std::int64_t width = 0;
    const auto [row, column] = find(sheet, kRed);
    while (sheet.at(row, column + width) == kRed) ++width;
    return width;
  };
  EXPECT_EQ(shown_side(28), 168);
  EXPECT_EQ(shown_side(64), 192);
  EXPECT_EQ(shown_side(224), 224);
}

TEST_F(Sheet, EachViewHasARowAndOnlyTheFirstShowsTheOriginal) {
  Reconstruction item;
  item.original = Picture(32, 64, kRed);
  item.block = 16;
  item.caption = "two views";
  const std::vector<std::uint8_t> even = {0, 1, 0, 1, 0, 1, 0, 1};
  const std::vector<std::uint8_t> odd = {1, 0, 1, 0, 1, 0, 1, 0};
  item.views = {{Picture(32, 64, kBlue), even}, {Picture(32, 64, kBlue), odd}};
  const Panel panel = reconstruction_panel({item});
  ASSERT_EQ(panel.headings.size(), 4U);
  ASSERT_EQ(panel.rows.size(), 2U);
  EXPECT_EQ(panel.rows[0].tiles[0].rgb, item.original.rgb);
  EXPECT_TRUE(panel.rows[1].tiles[0].rgb.empty());
  EXPECT_EQ(panel.rows[1].tiles[1].at(0, 0), kRemovedColour);
  EXPECT_EQ(panel.rows[1].tiles[1].at(0, 16), kRed);
  EXPECT_EQ(panel.rows[1].tiles[3].at(0, 0), kBlue);
  EXPECT_EQ(panel.rows[1].caption, "two views") << "the caption stands below the last view";
  // Red: the whole original, and half of every masked and pasted tile.
  EXPECT_EQ(count(compose(panel, 1), kRed), 32 * 64 * 3);
}

TEST_F(Sheet, PanelWithoutTilesIsAnEmptySheet) {
  const Picture sheet = compose({});
  EXPECT_GT(sheet.height, 0);
  EXPECT_GT(sheet.width, 0);
}

TEST_F(Sheet, TextStandsBetweenTheMarginsAndChangesNoTile) {
  const std::string name = std::string(5'000, 'g') + ".jpeg: loss 0.25";
  for (const std::int64_t side : {8, 64, 224}) {
    const Picture red(side, side, kRed);
    const Picture sheet = compose({.headings = {name}, .rows = {{{red}, name}, {{}, name}}}, 1);
    const Colour paper = sheet.at(0, 0);
    const auto [top, left] = find(sheet, kRed);
    EXPECT_EQ(count(sheet, kRed), side * side);
    std::int64_t ink_above = 0;
    std::int64_t ink_below = 0;
    for (std::int64_t row = 0; row < sheet.height; ++row) {
      for (std::int64_t column = 0; column < sheet.width; ++column) {
        if (sheet.at(row, column) == paper) continue;
        ASSERT_TRUE(column >= left && column < left + side) << row << " " << column;
        ASSERT_TRUE(row > 0 && row + 1 < sheet.height);
        ink_above += row < top ? 1 : 0;
        ink_below += row >= top + side ? 1 : 0;
      }
    }
    EXPECT_GT(ink_above, 0);
    EXPECT_GT(ink_below, ink_above) << "two captions, one heading";
  }
}

TEST_F(Sheet, LinesHaveRoomForWhatTheySay) {
  const Panel::Row row{{Picture(64, 64, kRed)}, ""};
  Panel::Row captioned = row;
  captioned.caption = "caption";
  const std::int64_t bare = compose({.headings = {}, .rows = {row}}).height;
  EXPECT_GT(compose({.headings = {}, .rows = {captioned}}).height, bare + 10);
  EXPECT_GT(compose({.headings = {"heading"}, .rows = {row}}).height, bare + 10);
}

}  // namespace
}  // namespace convmae
