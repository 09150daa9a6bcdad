#include "convmae/features/knn.h"

#include "convmae/base/error.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace convmae {
namespace {

LabelledFeatures points(const std::vector<double>& degrees, const std::vector<std::int64_t>& labels,
                        double length = 1) {
  std::vector<float> values;
  for (const double degree : degrees) {
    const double angle = degree * 3.14159265358979 / 180;
    values.push_back(static_cast<float>(length * std::cos(angle)));
    values.push_back(static_cast<float>(length * std::sin(angle)));
  }
  const auto count = static_cast<std::int64_t>(degrees.size());
  return {at::tensor(values).view({count, 2}), at::tensor(labels, at::kLong)};
}

double top1(const std::vector<KnnScore>& scores) { return scores.at(0).top1; }

TEST(Knn, TheNearestNeighbourDecidesAlone) {
  const LabelledFeatures bank = points({0, 30, 90}, {0, 1, 2});
  const LabelledFeatures queries = points({5, 28, 80, 100}, {0, 1, 2, 0});
  EXPECT_DOUBLE_EQ(top1(knn_scores(bank, queries, std::vector<std::int64_t>{1}, 0.07)), 0.75);
}

TEST(Knn, LengthsOfFeaturesMeanNothing) {
  const LabelledFeatures bank = points({0, 60}, {0, 1}, 100);
  const LabelledFeatures queries = points({10, 50}, {0, 1}, 0.01);
  EXPECT_DOUBLE_EQ(top1(knn_scores(bank, queries, std::vector<std::int64_t>{1}, 0.07)), 1);
}

TEST(Knn, NearerNeighboursHaveMoreWeight) {
  // One very near neighbour of class 0 against two of class 1 that are further away.
  const LabelledFeatures bank = points({1, 40, 41}, {0, 1, 1});
  const LabelledFeatures queries = points({0}, {0});
  const std::vector<std::int64_t> k{3};
  EXPECT_DOUBLE_EQ(top1(knn_scores(bank, queries, k, 0.07)), 1);
  EXPECT_DOUBLE_EQ(top1(knn_scores(bank, queries, k, 100)), 0);
}

TEST(Knn, TheWeightIsTheExponentialOfTheSimilarity) {
  // exp(1/t) against 2 exp(cos(60)/t): they are equal at t = 1 / (2 ln 2).
  const LabelledFeatures bank = points({0, 60, -60}, {0, 1, 1});
  const LabelledFeatures queries = points({0}, {0});
  const std::vector<std::int64_t> k{3};
  const double balance = 1 / (2 * std::log(2.0));
  EXPECT_DOUBLE_EQ(top1(knn_scores(bank, queries, k, balance * 0.99)), 1);
  EXPECT_DOUBLE_EQ(top1(knn_scores(bank, queries, k, balance * 1.01)), 0);
}

TEST(Knn, NoTemperatureIsTooLow) {
  const LabelledFeatures bank = points({0, 10, 20, 90}, {0, 1, 1, 2});
  const LabelledFeatures queries = points({1, 14, 80}, {0, 1, 2});
  for (const double temperature : {1e-2, 1e-4, 1e-38, 1e-300}) {
    const auto scores = knn_scores(bank, queries, std::vector<std::int64_t>{1, 4}, temperature);
    EXPECT_DOUBLE_EQ(scores[0].top1, 1) << temperature;
    EXPECT_DOUBLE_EQ(scores[1].top1, 1) << temperature;
    EXPECT_DOUBLE_EQ(scores[1].top5, 1) << temperature;
  }
}

TEST(Knn, TopFiveNeedsAVote) {
  const LabelledFeatures bank = points({0, 10, 20}, {0, 1, 2});
  const LabelledFeatures queries = points({1, 1, 1}, {0, 1, 2});
  const auto scores = knn_scores(bank, queries, std::vector<std::int64_t>{1, 2, 200}, 0.07);
  EXPECT_DOUBLE_EQ(scores[0].top5, 1.0 / 3);
  EXPECT_DOUBLE_EQ(scores[1].top5, 2.0 / 3);
  EXPECT_DOUBLE_EQ(scores[2].top5, 1);
  EXPECT_EQ(scores[2].k, 3);
}

TEST(Knn, AnImageIsNoNeighbourOfItself) {
  const LabelledFeatures images = points({0, 1, 2, 90, 91, 170}, {0, 0, 0, 1, 1, 2});
  const std::vector<std::int64_t> k{1};
  EXPECT_DOUBLE_EQ(top1(knn_scores(images, images, k, 0.07)), 1);
  // The only one of its class has no neighbour that could be right.
  EXPECT_DOUBLE_EQ(top1(knn_scores_leaving_one_out(images, k, 0.07)), 5.0 / 6);
}

TEST(Knn, ASingleImageHasNoNeighbours) {
  EXPECT_THROW(knn_scores_leaving_one_out(points({10}, {0}), std::vector<std::int64_t>{1}, 0.07),
               UserError);
}

TEST(Knn, ManyQueriesAreTheSameInParts) {
  const std::int64_t count = 600;
  const at::Tensor features = at::sin(at::arange(count * 8) * 0.37).view({count, 8});
  const LabelledFeatures images{features, at::arange(count).remainder(7)};
  const std::vector<std::int64_t> k{5};
  double hits = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const LabelledFeatures one{features.narrow(0, i, 1), images.labels.narrow(0, i, 1)};
    const at::Tensor others = at::cat({at::arange(i), at::arange(i + 1, count)});
    const LabelledFeatures rest{features.index_select(0, others),
                                images.labels.index_select(0, others)};
    hits += top1(knn_scores(rest, one, k, 0.07));
  }
  EXPECT_NEAR(top1(knn_scores_leaving_one_out(images, k, 0.07)), hits / count, 1e-12);
}

}  // namespace
}  // namespace convmae
