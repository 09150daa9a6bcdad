#include "convmae/data/objects/object_mover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixed_draws.h"

namespace convmae {
namespace {

using testing::ElementsAre;

const Size kImage{50, 100};
/// Twice the size, of which rows 40 to 140 and columns 40 to 140 are cut out and mirrored.
const GeometryPlan kPlan{
    kImage, {Resized{kImage, {100, 200}}, Cropped{{0, 40, 100, 100}}, Mirrored{100}}, {100, 100}};

AnnotatedObject object_of(const coco::XywhBox& box) {
  AnnotatedObject object;
  object.box = box;
  object.category = 3;
  return object;
}

MovedObject moved(const AnnotatedObject& object) {
  return ObjectMover().move({object}, kPlan).at(0);
}

TEST(ObjectMover, BoxesMoveByTheirCornersAndEndAtTheBorder) {
  const MovedObject inside = moved(object_of({25, 10, 20, 15}));
  // Columns 50 to 90 of the doubled image, 10 to 50 of the part, mirrored.
  EXPECT_EQ(inside.moved, (Corners{50, 20, 90, 50}));
  EXPECT_EQ(inside.box, inside.moved) << "without a mask";
  EXPECT_TRUE(inside.is_kept);
  EXPECT_EQ(inside.category, 3);
  const MovedObject beyond = moved(object_of({60, -5, 30, 20}));
  EXPECT_EQ(beyond.moved, (Corners{0, 0, 20, 30}));
  const MovedObject outside = moved(object_of({80, 10, 10, 10}));
  EXPECT_EQ(outside.moved, (Corners{0, 20, 0, 40}));
  EXPECT_FALSE(outside.is_kept);
}

TEST(ObjectMover, BoxesAreThoseOfWhatIsLeftOfThePolygons) {
  AnnotatedObject object = object_of({0, 0, 100, 50});  // says more than the polygon
  object.mask = std::vector<Polygon>{{60, 10, 90, 10, 90, 20, 60, 20}};
  const MovedObject cut = moved(object);
  EXPECT_EQ(cut.moved, (Corners{0, 0, 100, 100}));
  EXPECT_EQ(cut.box, (Corners{0, 20, 20, 40}));
  EXPECT_TRUE(cut.is_kept);
  const auto& polygons = std::get<std::vector<Polygon>>(cut.mask);
  ASSERT_EQ(polygons.size(), 1);
  EXPECT_EQ(polygons[0].size(), 8);
}

TEST(ObjectMover, DropsObjectsOfWhichNothingIsLeft) {
  AnnotatedObject polygon = object_of({30, 10, 20, 20});
  polygon.mask = std::vector<Polygon>{{80, 10, 90, 10, 90, 20}};
  AnnotatedObject runs = object_of({30, 10, 20, 20});
  std::vector<std::uint8_t> pixels(5000);
  pixels[10 * 100 + 80] = 1;
  runs.mask = coco::rle_from_pixels(kImage, pixels);
  AnnotatedObject line = object_of({30, 10, 20, 0});
  for (const AnnotatedObject& object : {polygon, runs, line}) {
    EXPECT_FALSE(moved(object).is_kept);
  }
  pixels[10 * 100 + 30] = 1;
  runs.mask = coco::rle_from_pixels(kImage, pixels);
  const MovedObject kept = moved(runs);
  EXPECT_TRUE(kept.is_kept);
  EXPECT_EQ(kept.box, (Corners{78, 20, 80, 22}));
  EXPECT_EQ(std::get<PixelMask>(kept.mask), (PixelMask{{20, 78, 2, 2}, {1, 1, 1, 1}}));
}

TEST(ObjectMover, PolygonsAndTheirPixelsStayTogether) {
  const Polygon polygon{22.5, 8, 64, 21, 40, 44.5, 25, 30};
  AnnotatedObject drawn = object_of({20, 5, 50, 45});
  drawn.mask = coco::rle_from_pixels(kImage, draw_mask(std::vector<Polygon>{polygon}, kImage));
  AnnotatedObject points = drawn;
  points.mask = std::vector<Polygon>{polygon};
  const std::vector<std::uint8_t> a = draw_mask(moved(drawn).mask, kPlan.output);
  const std::vector<std::uint8_t> b = draw_mask(moved(points).mask, kPlan.output);
  int common = 0;
  int either = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    common += a[i] & b[i];
    either += a[i] | b[i];
  }
  EXPECT_GT(either, 2000);
  EXPECT_GT(common, either * 95 / 100);
}

TEST(KeptObjects, CornersComeBackToTheBit) {
  std::vector<MovedObject> objects(3);
  objects[0].box = {0.1F, 1e-7F, 1023.9999F, 777.3333F};
  objects[0].is_kept = true;
  objects[0].category = 5;
  objects[1].box = {1, 1, 2, 2};
  objects[2].box = {300.1F, 7.7F, 300.2F, 7.8F};
  objects[2].is_kept = true;
  objects[2].mask = std::vector<Polygon>{{1, 2, 3, 4, 5, 6}};
  const Objects kept = kept_objects(objects);
  EXPECT_THAT(kept.classes, ElementsAre(5, 0));
  ASSERT_EQ(kept.boxes.size(), 2);
  for (const auto& [object, box] : {std::pair(0, kept.boxes[0]), std::pair(2, kept.boxes[1])}) {
    EXPECT_EQ((Corners{static_cast<float>(box[0]), static_cast<float>(box[1]),
                       static_cast<float>(box[0] + box[2]), static_cast<float>(box[1] + box[3])}),
              objects[static_cast<std::size_t>(object)].box);
  }
  ASSERT_EQ(kept.masks.size(), 2);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(kept.masks[0]));
  EXPECT_EQ(kept.masks[1], objects[2].mask);
}

}  // namespace
}  // namespace convmae
