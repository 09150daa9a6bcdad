#include "convmae/model/masking/visibility.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace convmae {
namespace {

TEST(Visibility, KeepsTheSmallestNoiseInBlockOrder) {
  const at::Tensor noise = torch::tensor({{0.9F, 0.1F, 0.5F, 0.2F, 0.7F, 0.3F}});
  const Visibility visibility = sample_blocks(noise, 2, {2, 3});
  EXPECT_TRUE(torch::equal(visibility.kept, torch::tensor({{1, 3}}, torch::kLong)));
  EXPECT_TRUE(
      torch::equal(visibility.slot, torch::tensor({{{-1, 0, -1}, {1, -1, -1}}}, torch::kLong)));
  EXPECT_TRUE(torch::equal(visibility.mask(), torch::tensor({{1.F, 0.F, 1.F, 0.F, 1.F, 1.F}})));
  EXPECT_TRUE(torch::equal(visibility.removed, torch::tensor({{0, 2, 4, 5}}, torch::kLong)));
}

TEST(Visibility, TakesBlocksInAnyOrderButEachOnce) {
  const Visibility visibility =
      visibility_of(torch::tensor({{5, 0}, {2, 1}}, torch::kLong), {2, 3});
  EXPECT_TRUE(torch::equal(visibility.kept, torch::tensor({{0, 5}, {1, 2}}, torch::kLong)));
  EXPECT_EQ(visibility.slot[1][0][2].item<int64_t>(), 1);
  EXPECT_EQ(visibility.removed[0][3].item<int64_t>(), 4);
  for (const auto& wrong :
       {torch::tensor({{1, 1}}), torch::tensor({{0, 6}}), torch::tensor({{-1, 2}}),
        torch::zeros({1, 7}, torch::kLong),
        torch::zeros({1, 2}, torch::device(torch::kMeta).dtype(torch::kLong))}) {
    EXPECT_THROW(visibility_of(wrong, {2, 3}), c10::Error);
  }
}

TEST(Visibility, GoesToTheDeviceOfTheImages) {
  const Visibility there = sample_blocks(torch::rand({2, 6}), 2, {2, 3}).to(torch::kMeta);
  for (const at::Tensor& part : {there.kept, there.slot, there.removed}) {
    EXPECT_TRUE(part.is_meta());
  }
}

TEST(Visibility, EqualNoiseIsTakenInBlockOrder) {
  const Visibility visibility = sample_blocks(torch::zeros({1, 6}), 3, {2, 3});
  EXPECT_TRUE(torch::equal(visibility.kept, torch::tensor({{0, 1, 2}}, torch::kLong)));
}

TEST(Visibility, TheKeptNumberIsCutOffInDoublePrecision) {
  EXPECT_EQ(num_kept(36, 0.75), 9);
  EXPECT_EQ(num_kept(16, 0.6), 6);
  EXPECT_EQ(num_kept(196, 0.75), 49);
  EXPECT_EQ(num_kept(10, 0.8), 1);  // 1 - 0.8 is a little less than 0.2
}

TEST(Visibility, ComplementaryViewsKeepEveryBlockOnce) {
  for (const int64_t groups : {2, 3, 4, 7, 20}) {
    const at::Tensor noise = torch::rand({3, 20});
    at::Tensor times = torch::zeros({3, 20});
    for (const Visibility& pass : sample_complementary(noise, groups, {4, 5})) {
      times += (1 - pass.mask()).view({-1, 3, 20}).sum(0);
    }
    EXPECT_TRUE(torch::equal(times, torch::ones({3, 20}))) << groups;
  }
}

TEST(Visibility, AnUnevenLastGroupIsAPassOfItsOwn) {
  const auto passes = sample_complementary(torch::rand({2, 25}), 4, {5, 5});
  ASSERT_EQ(passes.size(), 2);
  EXPECT_EQ(passes[0].kept.sizes(), (std::vector<int64_t>{6, 6}));
  EXPECT_EQ(passes[1].kept.sizes(), (std::vector<int64_t>{2, 7}));
}

TEST(Visibility, TakesRowsOfTheRightImage) {
  const at::Tensor blocks = torch::arange(12).view({2, 3, 2});
  const at::Tensor kept = torch::tensor({{0}, {2}, {1}, {0}}, torch::kLong);
  const at::Tensor taken = take_blocks(blocks, kept);
  EXPECT_TRUE(torch::equal(taken.flatten(), torch::tensor({0, 1, 10, 11, 2, 3, 6, 7})));
}

TEST(Visibility, NoBlocksAndNoImages) {
  const Visibility none = visibility_of(torch::empty({2, 0}, torch::kLong), {2, 2});
  EXPECT_EQ(none.num_visible(), 0);
  EXPECT_EQ(none.removed.sizes(), (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(take_blocks(torch::zeros({0, 4, 3}), torch::empty({0, 2}, torch::kLong)).sizes(),
            (std::vector<int64_t>{0, 2, 3}));
}

}  // namespace
}  // namespace convmae
