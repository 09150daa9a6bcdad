#include "convmae/report/lettering.h"
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

TEST(Panel, TilesKeepTheirPixelsAndStandInOneRow) {
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

TEST(Panel, SmallTilesAreEnlargedToBeSeen) {
  const auto shown_side = [](std::int64_t side) {
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

TEST(Panel, EachViewHasARowAndOnlyTheFirstShowsTheOriginal) {
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

TEST(Panel, PanelWithoutTilesIsAnEmptySheet) {
  const Picture sheet = compose({});
  EXPECT_GT(sheet.height, 0);
  EXPECT_GT(sheet.width, 0);
}

TEST(Lettering, WidthIsWhatIsDrawn) {
  constexpr Colour kPaper{255, 255, 255};
  for (const std::int64_t scale : {1, 2, 3}) {
    Picture picture(kLetterHeight * scale, 400 * scale, kPaper);
    draw_text(picture, 0, 0, "Hi, gap [42]", scale, Colour{0, 0, 0});
    std::int64_t right = 0;
    for (std::int64_t row = 0; row < picture.height; ++row) {
      for (std::int64_t column = 0; column < picture.width; ++column) {
        if (picture.at(row, column) != kPaper) right = std::max(right, column + 1);
      }
    }
    EXPECT_EQ(right, text_width("Hi, gap [42]", scale));
  }
}

TEST(Lettering, EveryLetterDiffersFromTheOthers) {
  std::vector<std::vector<std::uint8_t>> seen;
  for (char letter = ' '; letter <= '~'; ++letter) {
    Picture picture(kLetterHeight, 8, Colour{255, 255, 255});
    draw_text(picture, 0, 0, std::string(1, letter), 1, Colour{0, 0, 0});
    for (const auto& other : seen) {
      // Capital O and zero share a shape, as on typewriters.
      if (letter == 'O') continue;
      EXPECT_NE(picture.rgb, other) << letter;
    }
    seen.push_back(picture.rgb);
  }
}

TEST(Lettering, LongTextIsShortened) {
  EXPECT_EQ(fit_text("short", 1, 100), "short");
  const std::string fitted = fit_text("a very long file name.jpeg", 2, 120);
  EXPECT_LE(text_width(fitted, 2), 120);
  EXPECT_EQ(fitted.substr(fitted.size() - 3), "...");
  EXPECT_EQ(fit_text("anything", 1, 3), "");
}

TEST(Lettering, OtherCharactersBecomeOneQuestionMark) {
  EXPECT_EQ(fit_text("caf\u00e9 \u20ac\n", 1, 1000), "caf? ??");
  EXPECT_EQ(fit_text("\x9b\xe9\x80 \U0001F600", 1, 1000), "??? ?") << "bytes of no character";
}

TEST(Lettering, DrawingIsCutOffAtTheEdges) {
  Picture picture(5, 5, Colour{255, 255, 255});
  draw_text(picture, -3, -2, "WWW", 2, Colour{0, 0, 0});
  EXPECT_GT(count(picture, Colour{0, 0, 0}), 0);
}

}  // namespace
}  // namespace convmae
