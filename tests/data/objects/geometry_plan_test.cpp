#include "convmae/data/objects/geometry_plan.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixed_draws.h"
#include <algorithm>
#include <limits>
#include <set>

namespace convmae {
namespace {

using test::fixed_draws;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr double kFull = 1.0;  // the draw of the whole range: a factor of 2, the last place

TEST(GeometryPlan, PadsWhatTheJitterMakesSmallerAndMirrorsThePadding) {
  // 0.1 of the range from 0.1 to 2 is a factor of 0.29.
  const GeometryPlan plan = plan_geometry(jitter_padded(100), {50, 80}, fixed_draws({0.1, 0.7, 0}));
  ASSERT_EQ(plan.moves.size(), 4);
  EXPECT_EQ(std::get<Resized>(plan.moves[0]).to, (Size{18, 29}));
  EXPECT_EQ(std::get<Cropped>(plan.moves[1]).window, (Box{0, 0, 100, 100}));
  EXPECT_EQ(std::get<Padded>(plan.moves[2]).to, (Size{100, 100}));
  EXPECT_EQ(std::get<Mirrored>(plan.moves[3]).width, 100);
  EXPECT_EQ(plan.output, (Size{100, 100}));
}

TEST(GeometryPlan, TheSecondRecipeMirrorsFirstAndPadsNothing) {
  const GeometryPlan plan =
      plan_geometry(jitter_unpadded(100), {50, 80}, fixed_draws({0.4, 0.1, 0.7}));
  ASSERT_EQ(plan.moves.size(), 3);
  EXPECT_EQ(std::get<Mirrored>(plan.moves[0]).width, 80);
  EXPECT_EQ(plan.output, (Size{18, 29}));
}

TEST(GeometryPlan, OneDrawPlacesTheCropInBothDirections) {
  const auto window_at = [](double share) {
    const GeometryPlan plan =
        plan_geometry(jitter_padded(64), {50, 80}, fixed_draws({kFull, share, 0.9}));
    EXPECT_EQ(std::get<Resized>(plan.moves[0]).to, (Size{80, 128}));
    EXPECT_EQ(plan.output, (Size{64, 64}));
    return std::get<Cropped>(plan.moves[1]).window;
  };
  EXPECT_EQ(window_at(0), (Box{0, 0, 64, 64}));
  EXPECT_EQ(window_at(0.25), (Box{4, 16, 64, 64}));
  EXPECT_EQ(window_at(1), (Box{16, 64, 64, 64}));
  // Half-way cases to the even number: 2.5 and 10.
  EXPECT_EQ(window_at(0.15625), (Box{2, 10, 64, 64}));
}

TEST(GeometryPlan, ShortestEdgeKeepsTheRatioUpToThePixel) {
  EXPECT_EQ(shortest_edge_size({480, 640}, 800, 1333), (Size{800, 1067}));
  EXPECT_EQ(shortest_edge_size({640, 480}, 800, 1333), (Size{1067, 800}));
  EXPECT_EQ(shortest_edge_size({500, 1500}, 800, 1333), (Size{444, 1333}));
  EXPECT_EQ(shortest_edge_size({600, 600}, 300, 1333), (Size{300, 300}));
  EXPECT_EQ(shortest_edge_size({1, 5000}, 800, 1333), (Size{1, 1333})) << "a side does not vanish";
  const GeometryPlan plan = plan_geometry(test_padded(64), {30, 48}, fixed_draws({0, 0.5}));
  EXPECT_EQ(std::get<Resized>(plan.moves[0]).to, (Size{40, 64}));
  EXPECT_EQ(plan.output, (Size{64, 64}));
  EXPECT_EQ(plan_geometry(test_unpadded(20, 30), {30, 48}, fixed_draws({0})).output,
            (Size{19, 30}));
}

TEST(GeometryPlan, ChoosesAmongLengths) {
  const GeometryRecipe recipe{ResizeShortestEdge{{10, 20, 30}, 1000}};
  const auto output = [&](double share) {
    return plan_geometry(recipe, {40, 80}, fixed_draws({share})).output;
  };
  EXPECT_EQ(output(0), (Size{10, 20}));
  EXPECT_EQ(output(0.5), (Size{20, 40}));
  EXPECT_EQ(output(0.99), (Size{30, 60}));
}

TEST(GeometryPlan, DrawsAreAFunctionOfTheKey) {
  const auto plan_of = [](const DrawKey& key) {
    return plan_geometry(jitter_unpadded(1000), {1000, 1000}, draws_of(key));
  };
  const auto sizes = [](const GeometryPlan& plan) {
    return std::pair(plan.moves.size(), plan.output.width);
  };
  EXPECT_EQ(sizes(plan_of({1, 2, 3})), sizes(plan_of({1, 2, 3})));
  constexpr int kKeys = 400;
  std::set<std::int64_t> widths;
  int mirrored = 0;
  std::int64_t sum = 0;
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    const GeometryPlan plan = plan_of({i % 2, i % 3, i});
    if (std::holds_alternative<Mirrored>(plan.moves.front())) ++mirrored;
    const std::int64_t width = std::get<Resized>(plan.moves[plan.moves.size() - 2]).to.width;
    widths.insert(width);
    sum += width;
  }
  EXPECT_GE(*widths.begin(), 100);
  EXPECT_LE(*widths.rbegin(), 2000);
  EXPECT_GT(widths.size(), 300) << "they differ";
  EXPECT_NEAR(static_cast<double>(sum) / kKeys, 1050, 120);
  EXPECT_NEAR(mirrored, 0.5 * kKeys, 50);
}

TEST(GeometryPlan, RefusesRecipesThatMakeNoSense) {
  const auto refused = [](const GeometryStep& step, const char* says) {
    EXPECT_THAT(
        [&] {
          check_recipe({RandomMirror{}, step});
        },
        ThrowsMessage<UserError>(HasSubstr(says)));
  };
  EXPECT_NO_THROW(check_recipe(jitter_padded(1)));
  EXPECT_NO_THROW(check_recipe(test_unpadded(800, 1333)));
  refused(ResizeScale{{0, 5}}, "sizes of images above 0");
  refused(ResizeScale{{5, 5}, 0, 1}, "scales");
  refused(ResizeScale{{5, 5}, 1, 0.5}, "scales");
  refused(ResizeScale{{5, 5}, 1, std::numeric_limits<double>::infinity()}, "scales");
  refused(ResizeShortestEdge{{}, 10}, "at least one length");
  refused(ResizeShortestEdge{{10, 0}, 10}, "lengths above 0");
  refused(ResizeShortestEdge{{10}, 0}, "lengths above 0");
  refused(FixedSizeCrop{{3, 0}}, "sizes of crops above 0");
}

}  // namespace
}  // namespace convmae
