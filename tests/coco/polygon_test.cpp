#include "convmae/coco/polygon.h"

#include "convmae/base/error.h"
#include "convmae/coco/mask_store.h"

#include <gtest/gtest.h>

#include <limits>

namespace convmae::coco {
namespace {

struct Drawn {
  Size size;
  std::vector<double> coordinates;
  const char* text;  ///< of pycocotools 2.0.11
};

TEST(Polygon, IsDrawnAsPycocotoolsDoes) {
  const std::vector<Drawn> drawn{
      {{12, 17}, {2.3, 1.1, 14.2, 3.7, 9.9, 10.4, 1.2, 8.8}, R"(c0246001O01O0001O00000N2N3NQ1)"},
      {{9, 9}, {-4.0, -3.0, 12.5, 2.0, 4.0, 13.0}, R"(0632N]11aN0)"},
      {{10, 10}, {5.0, 5.0, 5.0, 5.0, 8.1, 1.3, 1.7, 9.2}, R"(f11]1)"},
      {{10, 12}, {1, 1, 10, 9, 10, 1, 1, 9}, R"(;74O1N2N;0E2N2N1c0)"},
      {{8, 20},
       {0.5, 0.5, 19.5, 1.0, 3.3, 7.9, 18.8, 7.4, 10.2},
       R"(i0170N0L040L13OM120N11OO10000000000000000000O20N020NO60?)"},
      {{20, 8}, {3.1, -2.2, 3.3, 19.9, 6.8, 25.0}, R"(l1d08H7Ii0)"},
      {{15, 11},
       {3.15, -0.13, 9.37,  -1.62, 7.18, 3.95,  -1.9, 6.64, -2.29, 5.24,  -1.67, -1.28,
        5.07, 12.71, -0.65, 1.24,  8.92, 15.01, 7.96, 4.54, 15.55, -2.11, 13.31, 2.5},
       R"(24=N`00@1JNL52KN61JN90J40MMh0)"},
  };
  for (const Drawn& polygon : drawn) {
    EXPECT_EQ(rle_text(rle_from_polygon(polygon.size, polygon.coordinates)), polygon.text);
  }
}

TEST(Polygon, WholePixelsOfARectangle) {
  const Rle rle = rle_from_box({5, 6}, {1, 2, 3, 2});
  EXPECT_EQ(rle, (Rle{{5, 6}, {7, 2, 3, 2, 3, 2, 11}}));
  EXPECT_EQ(rle_from_box({5, 6}, {-10, -10, 100, 100}), (Rle{{5, 6}, {0, 30}}));
  EXPECT_EQ(rle_area(rle_from_box({5, 6}, {50, 1, 10, 10})), 0);
}

TEST(Polygon, OverlapOfItselfIsOutside) {
  // Twice around the same square.
  const std::vector<double> twice{0, 0, 4, 0, 4, 4, 0, 4, 0, 0, 4, 0, 4, 4, 0, 4};
  EXPECT_EQ(rle_area(rle_from_polygon({4, 4}, twice)), 0);
}

TEST(Polygon, CostsWhatItCoversNotHowFarItReaches) {
  const std::vector<double> far{-9e6, -9e6, 9e6, -9e6, 9e6, 9e6};
  EXPECT_EQ(rle_area(rle_from_polygon({3, 3}, far)), 3);
}

TEST(Polygon, RefusesWhatCannotBeDrawn) {
  EXPECT_THROW(rle_from_polygon({3, 3}, std::vector<double>{}), UserError);
  EXPECT_THROW(rle_from_polygon({3, 3}, std::vector<double>{1}), UserError);
  EXPECT_THROW(rle_from_polygon({3, 3}, std::vector<double>{0, 0, 1e8, 0, 1, 1}), UserError);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(rle_from_polygon({3, 3}, std::vector<double>{0, 0, nan, 0, 1, 1}), UserError);
}

TEST(MaskStore, GivesBackWhatItGot) {
  MaskStore store;
  const std::vector<double> hundredths{0.01, 239.97, -3, 1e7, 0.07, 0.29};
  const std::vector<double> others{1.0 / 3, 1e-9, 74.95428466796875, 0.1};
  const std::vector<std::uint32_t> sizes{6};
  const std::vector<std::uint32_t> parts{3, 1};
  const MaskPlace first = store.add_polygons(hundredths, sizes);
  const MaskPlace second = store.add_polygons(others, parts);
  const MaskPlace third = store.add_polygons(hundredths, sizes);
  const MaskPlace fourth = store.add_rle({2, 3}, "01110");
  const std::vector<std::vector<double>> split{{others[0], others[1], others[2]}, {others[3]}};
  EXPECT_EQ(store.polygons(first), (std::vector<std::vector<double>>{hundredths}));
  EXPECT_EQ(store.polygons(second), split);
  EXPECT_EQ(store.polygons(third), (std::vector<std::vector<double>>{hundredths}));
  EXPECT_EQ(first.kind, MaskPlace::Kind::polygons);
  EXPECT_EQ(second.kind, MaskPlace::Kind::exact_polygons);
  EXPECT_EQ(store.text(fourth), "01110");
  EXPECT_EQ(store.rle_size(fourth), (Size{2, 3}));
}

TEST(MaskStore, DrawsTheUnionOfPolygonsAndBoxesOfFourNumbers) {
  MaskStore store;
  const auto drawn = [&](std::vector<double> coordinates, std::vector<std::uint32_t> sizes) {
    Rle rle;
    store.draw(store.add_polygons(coordinates, sizes), {4, 4}, rle);
    return rle;
  };
  const Rle left{{4, 4}, {0, 8, 8}};
  EXPECT_EQ(drawn({0, 0, 2, 0, 2, 4, 0, 4}, {8}), left);
  EXPECT_EQ(drawn({0, 0, 2, 4}, {4}), left) << "one of four numbers is a box, as in pycocotools";
  EXPECT_EQ(drawn({0, 0, 1, 0, 1, 4, 0, 4, 1, 0, 2, 0, 2, 4, 1, 4}, {8, 8}), left);
  EXPECT_EQ(drawn({1}, {1}), (Rle{{4, 4}, {16}}));
  Rle rle;
  store.draw({}, {4, 4}, rle);
  EXPECT_EQ(rle, (Rle{{4, 4}, {16}}));
}

}  // namespace
}  // namespace convmae::coco
