#include "convmae/data/objects/polygon_crop.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace convmae {
namespace {

const Box kBox{10, 20, 40, 50};  // rows 10 to 50, columns 20 to 70

double area_of(const Polygon& polygon) {
  double twice = 0;
  for (std::size_t i = 0, j = polygon.size() - 2; i < polygon.size(); j = i, i += 2) {
    twice += polygon[j] * polygon[i + 1] - polygon[i] * polygon[j + 1];
  }
  return std::abs(twice) / 2;
}

std::vector<double> areas_of(const std::vector<Polygon>& polygons) {
  std::vector<double> areas;
  areas.reserve(polygons.size());
  for (const Polygon& polygon : polygons) areas.push_back(area_of(polygon));
  std::ranges::sort(areas);
  return areas;
}

std::vector<double> cropped_areas(const std::vector<Polygon>& polygons) {
  const PolygonCropper cropper;
  const std::vector<Polygon> parts = cropper.crop(polygons, kBox);
  for (const Polygon& part : parts) {
    EXPECT_GE(part.size(), 6);
    EXPECT_FALSE(part[0] == part[part.size() - 2] && part[1] == part.back()) << "not closed";
    for (std::size_t i = 0; i < part.size(); i += 2) {
      EXPECT_TRUE(part[i] >= 20 && part[i] <= 70 && part[i + 1] >= 10 && part[i + 1] <= 50);
    }
  }
  return areas_of(parts);
}

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(PolygonCropper, CutsAtTheBorders) {
  EXPECT_THAT(cropped_areas({{30, 20, 40, 20, 40, 30, 30, 30}}), ElementsAre(100)) << "inside";
  EXPECT_THAT(cropped_areas({{10, 20, 30, 20, 30, 30, 10, 30}}), ElementsAre(100)) << "half";
  EXPECT_THAT(cropped_areas({{0, 0, 100, 0, 100, 100, 0, 100}}), ElementsAre(2000)) << "around";
  EXPECT_THAT(cropped_areas({{0, 10, 40, 50, 0, 90}}), ElementsAre(DoubleNear(200, 1e-9)));
}

TEST(PolygonCropper, WhatOnlyTouchesIsNothing) {
  EXPECT_THAT(cropped_areas({{0, 0, 5, 0, 5, 5}}), IsEmpty());
  EXPECT_THAT(cropped_areas({{0, 20, 20, 20, 20, 30, 0, 30}}), IsEmpty()) << "along a side";
  EXPECT_THAT(cropped_areas({{0, 0, 20, 10, 0, 20}}), IsEmpty()) << "in a point";
  EXPECT_THAT(cropped_areas({{30, 20, 40, 30, 50, 40}}), IsEmpty()) << "a line has no area";
  EXPECT_THAT(cropped_areas({{30, 20, 30, 20, 30, 20}}), IsEmpty());
  EXPECT_THAT(cropped_areas({}), IsEmpty());
}

TEST(PolygonCropper, MayMakeSeveralOfOne) {
  // A comb whose back lies outside.
  EXPECT_THAT(cropped_areas({{0, 20, 30, 20, 30, 25, 10, 25, 10, 30, 35, 30, 35, 35, 0, 35}}),
              ElementsAre(50, 75));
  EXPECT_THAT(cropped_areas({{30, 20, 40, 20, 40, 30}, {50, 20, 60, 20, 60, 40}}),
              ElementsAre(50, 100));
}

TEST(PolygonCropper, OneThatCrossesItselfLosesAPart) {
  // Two triangles of 75 each that share a corner.
  EXPECT_THAT(cropped_areas({{30, 20, 50, 35, 50, 20, 30, 35}}), ElementsAre(75));
}

TEST(PolygonCropper, SaysWhatGeosSays) {
  const PolygonCropper cropper;
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(
        [&] {
          cropper.crop({{30, 20}}, kBox);
        },
        testing::ThrowsMessage<UserError>(testing::AllOf(
            testing::HasSubstr("cannot crop a polygon: "), testing::HasSubstr("points"))));
  }
  EXPECT_EQ(areas_of(cropper.crop({{30, 20, 40, 20, 40, 30}}, kBox)), std::vector<double>{50})
      << "goes on as before";
}

}  // namespace
}  // namespace convmae
