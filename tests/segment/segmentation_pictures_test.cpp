#include "convmae/segment/segmentation_pictures.h"

#include "convmae/data/decode/decode_label.h"
#include "convmae/report/canvas.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

namespace convmae {
namespace {

using Map = std::vector<std::int16_t>;

LabelScheme scheme_of_ids(std::int32_t last_id) {
  return {{{"sea", {3}}, {"ice", {1, 7}}, {"a,b", {last_id}}}, {0}};
}

TEST(SegmentationPictures, ColoursAreThePalettesOrFarApart) {
  const LabelScheme own({{"sea", {3}}, {"ice", {1}}}, {}, LabelPalette({{{9, 8, 7}, 3}}));
  EXPECT_EQ(colours_of(own).front(), (Colour{9, 8, 7}));
  std::vector<LabelScheme::Class> many(150);
  for (std::size_t k = 0; k < many.size(); ++k) {
    many[k] = {std::to_string(k), {static_cast<std::int32_t>(k)}};
  }
  const std::vector<Colour> colours = colours_of({many, {}});
  for (std::size_t i = 0; i < colours.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const int difference = std::abs(colours[i].red - colours[j].red) +
                             std::abs(colours[i].green - colours[j].green) +
                             std::abs(colours[i].blue - colours[j].blue);
      EXPECT_GT(difference, i < 20 ? 30 : 0) << i << " and " << j;
    }
  }
}

TEST(SegmentationPictures, AnOverlayLeavesWhatIsOfNoClass) {
  const Picture image(1, 3, {100, 100, 100});
  const std::vector<Colour> colours{{200, 0, 50}, {0, 0, 0}};
  const Picture picture = overlay(image, Map{0, -1, 1}, colours);
  EXPECT_EQ(picture.at(0, 0), (Colour{150, 50, 75}));
  EXPECT_EQ(picture.at(0, 1), (Colour{100, 100, 100}));
  EXPECT_EQ(picture.at(0, 2), (Colour{50, 50, 50}));
}

TEST(SegmentationPictures, MapsAndPicturesAreThinnedAlike) {
  Picture picture(5, 7, Colour{});
  Map map(35);
  for (std::int64_t i = 0; i < 35; ++i) {
    picture.set(i / 7, i % 7, {static_cast<std::uint8_t>(i), 0, 0});
    map[static_cast<std::size_t>(i)] = static_cast<std::int16_t>(i);
  }
  for (const std::int64_t longest : {1, 2, 3, 4, 7, 9}) {
    const std::int64_t step = thinning_step({5, 7}, longest);
    const Size size = thinned_size({5, 7}, step);
    const Picture small = thinned(picture, longest);
    const Map classes = thinned(map, {5, 7}, step);
    EXPECT_EQ((Size{small.height, small.width}), size);
    EXPECT_LE(std::max(size.height, size.width), longest);
    ASSERT_EQ(std::ssize(classes), size.height * size.width);
    for (std::int64_t i = 0; i < std::ssize(classes); ++i) {
      EXPECT_EQ(small.at(i / size.width, i % size.width).red, classes[static_cast<std::size_t>(i)]);
    }
  }
}

TEST(SegmentationPictures, StandBesideEachOther) {
  const Picture one(2, 3, {1, 1, 1});
  const Picture other(4, 1, {2, 2, 2});
  const Picture row = side_by_side({one, other});
  EXPECT_EQ((Size{row.height, row.width}), (Size{4, 8}));
  EXPECT_EQ(row.at(1, 2).red, 1);
  EXPECT_EQ(row.at(1, 3).red, 255);
  EXPECT_EQ(row.at(3, 7).red, 2);
  const Picture column = one_below_another({one, other});
  EXPECT_EQ((Size{column.height, column.width}), (Size{10, 3}));
  EXPECT_EQ(column.at(9, 0).red, 2);
  EXPECT_EQ(one_below_another({}).rgb.size(), 0);
}

/// What a label file is read as is what was written, whatever its depth.
TEST(SegmentationPictures, LabelFilesHaveTheIdsOfTheirClasses) {
  const Map map{0, 1, 2, 2, 1, 0};
  for (const std::int32_t last : {2, 12, 200, 255, 256, 60'000}) {
    const LabelScheme scheme = scheme_of_ids(last);
    const std::vector<std::uint8_t> png = label_png(scheme, {2, 3}, map);
    Image ids;
    decode_label(png, {}, ids);
    EXPECT_EQ(ids.size(), (Size{2, 3}));
    LabelMap read;
    scheme.apply(ids, read);
    EXPECT_EQ(read.classes, map) << last;
    EXPECT_EQ(png[25], last > 255 ? 0 : 3) << "grey, or a palette";
  }
}

TEST(SegmentationPictures, TheLegendNamesIds) {
  const LabelScheme scheme({{"sea", {3}}, {"a,b", {300}}}, {}, LabelPalette({{{9, 8, 7}, 3}}));
  EXPECT_EQ(legend_csv(scheme, {0}), "id,name,red,green,blue\n3,sea,9,8,7\n");
  EXPECT_NE(legend_csv(scheme, {1}).find("300,\"a,b\","), std::string::npos);
  if (!why_nothing_is_drawn().empty()) return;
  MissingFonts missing;
  const Picture picture = legend(scheme, {0, 1}, missing);
  EXPECT_EQ(picture.at(10, 10), (Colour{9, 8, 7}));
}

}  // namespace
}  // namespace convmae
