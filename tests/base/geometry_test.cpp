#include "convmae/base/geometry.h"

#include "convmae/base/error.h"

#include <gtest/gtest.h>

#include <limits>

namespace convmae {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t k32 = std::int64_t{1} << 32;

TEST(Geometry, CountsBlocksAndCells) {
  const Geometry geometry({224, 448}, {4, 2, 2});
  EXPECT_EQ(geometry.block(), 16);
  EXPECT_EQ(geometry.grid(), (Size{14, 28}));
  EXPECT_EQ(geometry.num_blocks(), 392);
  EXPECT_EQ(geometry.cells(1), 16);
  EXPECT_EQ(geometry.cells(2), 4);
  EXPECT_EQ(geometry.cells(3), 1);
}

TEST(Geometry, RefusesStridesWhoseProductWraps) {
  EXPECT_THROW(Geometry({224, 224}, {k32, k32, 1}), UserError) << "to 0, a division by which";
  EXPECT_THROW(Geometry({224, 224}, {kMax, 3, 3}), UserError);
  EXPECT_THROW(Geometry({224, 224}, {kMax, kMax, kMax}), UserError);
  EXPECT_THROW(Geometry({16, 16}, {k32, 2, k32 >> 1}), UserError);
}

TEST(Geometry, RefusesImagesWhosePixelsCannotBeCounted) {
  EXPECT_THROW(Geometry({k32, k32}, {4, 2, 2}), UserError);
  EXPECT_THROW(Geometry({kMax - 15, 16}, {1, 1, 1}), UserError);
}

TEST(Geometry, RefusesWhatIsNoGrid) {
  EXPECT_THROW(Geometry({0, 16}, {4, 2, 2}), UserError);
  EXPECT_THROW(Geometry({-16, -16}, {4, 2, 2}), UserError);
  EXPECT_THROW(Geometry({16, 24}, {4, 2, 2}), UserError);
  EXPECT_THROW(Geometry({16, 16}, {4, 0, 2}), UserError);
  EXPECT_THROW(Geometry({16, 16}, {4, -2, -2}), UserError);
}

}  // namespace
}  // namespace convmae
