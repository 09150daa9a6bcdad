#include "convmae/data/labels/crop_plan.h"

#include "convmae/base/error.h"

#include <gtest/gtest.h>

#include "objects/fixed_draws.h"
#include <algorithm>
#include <numeric>
#include <vector>

namespace convmae {
namespace {

using test::fixed_draws;

constexpr std::int16_t kIgnored = LabelMap::kIgnored;

LabelMap filled(Size size, std::int16_t k) {
  return {std::vector<std::int16_t>(static_cast<std::size_t>(size.height * size.width), k)};
}

/// That keeps the size of images of 8x8.
CropRecipe small_recipe() {
  CropRecipe recipe;
  recipe.bounds = {8, 8};
  recipe.smallest = recipe.largest = 1;
  recipe.crop = {4, 4};
  return recipe;
}

TEST(CropPlan, SizesFitIntoTheBoundsInEitherDirection) {
  const Bounds bounds{2048, 512};
  EXPECT_EQ(size_within(bounds, {512, 683}), (Size{512, 683}));
  EXPECT_EQ(size_within(bounds, {1024, 2048}), (Size{512, 1024}));
  EXPECT_EQ(size_within(bounds, {300, 100}), (Size{1536, 512}));
  EXPECT_EQ(size_within(bounds, {100, 1000}), (Size{205, 2048}));
  EXPECT_EQ(size_within({512, 2048}, {100, 1000}), (Size{205, 2048}));
  EXPECT_EQ(size_within({4, 4}, {1, 1000}), (Size{1, 4})) << "no side vanishes";
}

TEST(CropPlan, TheFactorChangesTheBounds) {
  CropRecipe recipe;
  recipe.most_of_one_class = 1;
  recipe.mirror = false;
  const LabelMap labels = filled({60, 80}, 0);
  const auto plan = [&](double share) {
    return plan_crop(recipe, labels, {60, 80}, fixed_draws({share, 0, 0}));
  };
  EXPECT_EQ(plan(0).resized, (Size{256, 341}));
  EXPECT_EQ(plan(1.0 / 3).resized, (Size{512, 683}));
  const CropPlan largest = plan(0.9999999);
  EXPECT_EQ(largest.resized, (Size{1023, 1364})) << "bounds are cut off to whole numbers";
  EXPECT_EQ(largest.window, (Box{0, 0, 512, 512}));
  EXPECT_EQ(plan(0).window, (Box{0, 0, 256, 341})) << "what is smaller stays so";
}

TEST(CropPlan, TheWindowIsDrawnAsRowThenColumn) {
  const CropRecipe recipe = small_recipe();
  LabelMap labels = filled({8, 8}, 0);
  std::fill(labels.classes.begin(), labels.classes.begin() + 32, std::int16_t{1});
  // rows 2..5 have both classes; margins are 4, so that 5 places are drawn from
  const CropPlan plan = plan_crop(recipe, labels, {8, 8}, fixed_draws({0, 0.4, 0.99, 0.2}));
  EXPECT_EQ(plan.window, (Box{2, 4, 4, 4}));
  EXPECT_TRUE(plan.mirrored);
  EXPECT_FALSE(plan_crop(recipe, labels, {8, 8}, fixed_draws({0, 0.4, 0.99, 0.5})).mirrored);
}

TEST(CropPlan, OneClassIsDrawnAgainAndTheEleventhIsTaken) {
  CropRecipe recipe = small_recipe();
  recipe.mirror = false;
  const LabelMap labels = filled({8, 8}, 3);
  std::vector<double> draws{0};
  for (int i = 0; i < 11; ++i) draws.insert(draws.end(), {0.0, i == 10 ? 0.99 : 0.0});
  EXPECT_EQ(plan_crop(recipe, labels, {8, 8}, fixed_draws(draws)).window, (Box{0, 4, 4, 4}));
  draws.pop_back();
  EXPECT_ANY_THROW(plan_crop(recipe, labels, {8, 8}, fixed_draws(draws)));
  recipe.most_of_one_class = 1;
  EXPECT_NO_THROW(plan_crop(recipe, labels, {8, 8}, fixed_draws({0, 0, 0})));
}

TEST(CropPlan, TheShareIsOfWhatCountsAndStrictlyBelow) {
  CropRecipe recipe = small_recipe();
  recipe.mirror = false;
  const auto tries = [&](const std::vector<std::int16_t>& upper_left) {
    LabelMap labels = filled({8, 8}, 0);
    for (std::size_t i = 0; i < 16; ++i) labels.classes[i / 4 * 8 + i % 4] = upper_left[i];
    // A second try finds the lower right corner, which is of one class.
    std::vector<double> draws{0, 0, 0};
    for (int i = 0; i < 10; ++i) draws.insert(draws.end(), {0.99, 0.99});
    return plan_crop(recipe, labels, {8, 8}, fixed_draws(draws)).window == Box{0, 0, 4, 4} ? 1 : 11;
  };
  std::vector<std::int16_t> window(16, 1);
  EXPECT_EQ(tries(window), 11);
  std::fill_n(window.begin(), 4, std::int16_t{2});  // 12 of 16 are of one class
  EXPECT_EQ(tries(window), 11);
  window[4] = 2;
  EXPECT_EQ(tries(window), 1);
  window[5] = window[6] = kIgnored;  // 9 of 14
  EXPECT_EQ(tries(window), 1);
  std::fill_n(window.begin(), 5, kIgnored);  // one class is left
  EXPECT_EQ(tries(window), 11);
  std::ranges::fill(window, kIgnored);
  EXPECT_EQ(tries(window), 11);
}

TEST(CropPlan, LabelsAreThoseOfTheNearestPixels) {
  LabelMap labels = filled({4, 4}, 0);
  std::iota(labels.classes.begin(), labels.classes.end(), std::int16_t{0});
  CropPlan plan{{4, 4}, {8, 8}, {1, 2, 2, 3}, false};
  EXPECT_EQ(cropped_labels(labels, plan).classes, (std::vector<std::int16_t>{1, 1, 2, 5, 5, 6}));
  plan.mirrored = true;
  EXPECT_EQ(cropped_labels(labels, plan).classes, (std::vector<std::int16_t>{2, 1, 1, 6, 5, 5}));
}

TEST(CropPlan, RecipesThatMakeNoSenseAreRefused) {
  const auto refuses = [](auto spoil) {
    CropRecipe recipe;
    EXPECT_NO_THROW(check_recipe(recipe));
    spoil(recipe);
    EXPECT_THROW(check_recipe(recipe), UserError);
  };
  refuses([](CropRecipe& recipe) { recipe.bounds.shortest = 0; });
  refuses([](CropRecipe& recipe) { recipe.crop.width = 0; });
  refuses([](CropRecipe& recipe) { recipe.smallest = 0; });
  refuses([](CropRecipe& recipe) { recipe.smallest = 3; });
  refuses([](CropRecipe& recipe) { recipe.most_of_one_class = 0; });
  refuses([](CropRecipe& recipe) { recipe.most_of_one_class = 1.1; });
}

}  // namespace
}  // namespace convmae
