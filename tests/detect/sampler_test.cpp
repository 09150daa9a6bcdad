#include "convmae/detect/sampler.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <array>
#include <set>
#include <utility>
#include <vector>

namespace convmae {
namespace {

/// The last ones, backwards.
std::vector<int64_t> from_the_end(int64_t n, int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) numbers[static_cast<size_t>(i)] = n - 1 - i;
  return numbers;
}

at::Tensor labels_of(int64_t positive, int64_t negative, int64_t ignored) {
  return torch::cat({torch::full({positive}, 3, torch::kLong),
                     torch::full({negative}, 80, torch::kLong),
                     torch::full({ignored}, -1, torch::kLong)});
}

CounterRandom random_of(uint64_t index) { return {1, 2, index, Purpose::order}; }

TEST(Sampler, TakesPositivesUpToTheirShareAndFillsUpWithNegatives) {
  struct Case {
    int64_t positive, negative, expected_positive, expected_negative;
  };
  for (const Case& c : {Case{50, 100, 8, 25}, Case{3, 100, 3, 30}, Case{50, 10, 8, 10},
                        Case{0, 5, 0, 5}, Case{5, 0, 5, 0}, Case{0, 0, 0, 0}}) {
    const LabelSubsample chosen =
        subsample_labels(labels_of(c.positive, c.negative, 4), 80, {33, 0.25}, from_the_end);
    EXPECT_EQ(chosen.positive.size(0), c.expected_positive);
    EXPECT_EQ(chosen.negative.size(0), c.expected_negative);
  }
}

TEST(Sampler, AsksForPositivesFirstAndKeepsTheirOrder) {
  std::vector<std::array<int64_t, 2>> asked;
  const LabelSubsample chosen =
      subsample_labels(torch::tensor({0, 1, -1, 2, 0, 5, 0}, torch::kLong), 0, {4, 0.5},
                       [&](int64_t n, int64_t count) {
                         asked.push_back({n, count});
                         return from_the_end(n, count);
                       });
  EXPECT_EQ(asked, (std::vector<std::array<int64_t, 2>>{{3, 2}, {3, 2}}));
  EXPECT_TRUE(torch::equal(chosen.positive, torch::tensor({5, 3}, torch::kLong)));
  EXPECT_TRUE(torch::equal(chosen.negative, torch::tensor({6, 4}, torch::kLong)));
}

TEST(Sampler, DrawsWithoutRepetitionAndTheSameForTheSameKey) {
  for (const auto& [n, count] : {std::pair<int64_t, int64_t>{100, 30}, {7, 7}, {1, 1}, {5, 0}}) {
    CounterRandom one = random_of(4);
    CounterRandom same = random_of(4);
    const std::vector<int64_t> drawn = draw_from(one)(n, count);
    EXPECT_EQ(drawn, draw_from(same)(n, count));
    const std::set<int64_t> distinct(drawn.begin(), drawn.end());
    EXPECT_EQ(static_cast<int64_t>(distinct.size()), count);
    for (const int64_t number : drawn) EXPECT_TRUE(number >= 0 && number < n);
  }
  CounterRandom one = random_of(4);
  CounterRandom other = random_of(5);
  EXPECT_NE(draw_from(one)(100, 30), draw_from(other)(100, 30));
}

TEST(Sampler, DrawsEveryNumberAsOften) {
  constexpr int64_t kDraws = 2000;
  std::vector<int64_t> seen(10);
  for (int64_t i = 0; i < kDraws; ++i) {
    CounterRandom random = random_of(static_cast<uint64_t>(i));
    for (const int64_t number : draw_from(random)(10, 3)) ++seen[static_cast<size_t>(number)];
  }
  // Five standard deviations of a binomial distribution.
  for (const int64_t times : seen) EXPECT_NEAR(static_cast<double>(times), kDraws * 0.3, 103);
}

TEST(Sampler, RefusesLabelsOfAnotherType) {
  EXPECT_THROW(subsample_labels(torch::zeros({3}), 0, {4, 0.5}, from_the_end), c10::Error);
}

}  // namespace
}  // namespace convmae
