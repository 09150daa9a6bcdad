#include "convmae/data/augment/random_erasing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace convmae {
namespace {

TEST(RandomErasing, AQuarterOfTheImagesIsErasedWithinTheBounds) {
  const RandomErasing policy;
  const Size size{224, 192};
  const double area = 224.0 * 192.0;
  int erased = 0;
  for (std::uint64_t index = 0; index < 4000; ++index) {
    const auto box = random_erasing_box(policy, size, {3, 1, index});
    if (!box) continue;
    ++erased;
    EXPECT_GE(box->top, 0);
    EXPECT_GE(box->left, 0);
    EXPECT_LE(box->top + box->height, size.height);
    EXPECT_LE(box->left + box->width, size.width);
    EXPECT_LT(box->height, size.height);
    EXPECT_LT(box->width, size.width);
    const double share = static_cast<double>(box->height * box->width) / area;
    EXPECT_GT(share, 0.018);
    EXPECT_LT(share, 0.345);
  }
  EXPECT_NEAR(erased, 1000, 120);
}

TEST(RandomErasing, TheRectangleIsStandardNormalNoiseAndTheRestIsUntouched) {
  RandomErasing policy;
  policy.probability = 1;
  policy.min_area = policy.max_area = 0.3;
  const Size size{200, 300};
  const DrawKey key{1, 2, 3};
  std::vector<float> planes(3 * 200 * 300, 7.0F);
  random_erase(policy, key, 3, size, planes.data());
  const auto box = random_erasing_box(policy, size, key);
  ASSERT_TRUE(box);
  std::vector<double> noise;
  std::int64_t at = 0;
  for (std::int64_t c = 0; c < 3; ++c) {
    for (std::int64_t y = 0; y < size.height; ++y) {
      for (std::int64_t x = 0; x < size.width; ++x, ++at) {
        const float value = planes[static_cast<std::size_t>(at)];
        const bool inside = y >= box->top && y < box->top + box->height && x >= box->left &&
                            x < box->left + box->width;
        if (inside) {
          noise.push_back(value);
        } else {
          ASSERT_EQ(value, 7.0F);
        }
      }
    }
  }
  const auto count = static_cast<double>(noise.size());
  const auto moment = [&](int power) {
    double sum = 0;
    for (const double value : noise) sum += std::pow(value, power);
    return sum / count;
  };
  EXPECT_NEAR(moment(1), 0, 0.02);
  EXPECT_NEAR(moment(2), 1, 0.03);
  EXPECT_NEAR(moment(3), 0, 0.1);
  EXPECT_NEAR(moment(4), 3, 0.2);
  double neighbours = 0;
  for (std::size_t i = 1; i < noise.size(); ++i) neighbours += noise[i] * noise[i - 1];
  EXPECT_NEAR(neighbours / count, 0, 0.02);
}

TEST(RandomErasing, NoiseIsAFunctionOfTheKey) {
  RandomErasing policy;
  policy.probability = 1;
  const auto result = [&](DrawKey key) {
    std::vector<float> planes(32 * 32);
    random_erase(policy, key, 1, {32, 32}, planes.data());
    return planes;
  };
  EXPECT_EQ(result({1, 2, 3}), result({1, 2, 3}));
  EXPECT_NE(result({1, 2, 3}), result({1, 2, 4}));
  EXPECT_NE(result({1, 2, 3}), result({1, 3, 3}));
}

TEST(RandomErasing, ImagesTooSmallForARectangleStayAsTheyAre) {
  RandomErasing policy;
  policy.probability = 1;
  EXPECT_FALSE(random_erasing_box(policy, {1, 1}, {1, 2, 3}));
}

}  // namespace
}  // namespace convmae
