#include "convmae/metrics/classification_metrics.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace convmae {
namespace {

TEST(ClassificationMetrics, CountsHitsAndConfusions) {
  ClassificationMetrics metrics(3, Confusions::counted);
  const std::vector<std::int64_t> labels{0, 1, 1, 2};
  metrics.add(at::tensor({2.F, 1.F, 0.F, 0.F, 3.F, 0.F, 5.F, 0.F, 0.F, 0.F, 0.F, 1.F}).view({4, 3}),
              labels);
  EXPECT_EQ(metrics.images(), 4);
  EXPECT_DOUBLE_EQ(metrics.top1(), 0.75);
  EXPECT_DOUBLE_EQ(metrics.top5(), 1);
  EXPECT_EQ(metrics.confusions(1, 0), 1);
  EXPECT_EQ(metrics.confusions(1, 1), 1);
  EXPECT_DOUBLE_EQ(metrics.recall(1), 0.5);
  EXPECT_DOUBLE_EQ(metrics.precision(0), 0.5);
  EXPECT_DOUBLE_EQ(metrics.mean_recall(), (1 + 0.5 + 1) / 3);
}

/// A counter for every pair of a million classes would be eight terabytes.
TEST(ClassificationMetrics, CountsConfusionsOnlyWhereAsked) {
  ClassificationMetrics many(1'000'000);
  EXPECT_EQ(many.images_of(999'999), 0);
  ClassificationMetrics metrics(2);
  metrics.add(at::tensor({2.F, 1.F, 2.F, 1.F, 0.F, 1.F}).view({3, 2}),
              std::vector<std::int64_t>{0, 1, 1});
  EXPECT_EQ(metrics.images_of(1), 2);
  EXPECT_DOUBLE_EQ(metrics.recall(1), 0.5);
  EXPECT_DOUBLE_EQ(metrics.precision(0), 0.5);
  EXPECT_DOUBLE_EQ(metrics.precision(1), 1);
  EXPECT_THROW(metrics.confusions(0, 0), c10::Error);
}

TEST(ClassificationMetrics, TopFiveIsTheFifthBestAtTheLeast) {
  ClassificationMetrics metrics(8);
  const at::Tensor logits = at::arange(8, 0, -1).to(at::kFloat).view({1, 8});
  for (const std::int64_t label : {4, 5}) metrics.add(logits, std::vector<std::int64_t>{label});
  EXPECT_DOUBLE_EQ(metrics.top5(), 0.5);
  EXPECT_DOUBLE_EQ(metrics.top1(), 0);
}

TEST(ClassificationMetrics, LossAndCalibrationOfKnownProbabilities) {
  ClassificationMetrics metrics(2);
  // Four images predicted with probability 0.8, two of them right.
  const auto logit = static_cast<float>(std::log(4.0));
  const at::Tensor logits = at::tensor({logit, 0.F}).repeat({4, 1});
  metrics.add(logits, std::vector<std::int64_t>{0, 0, 1, 1});
  EXPECT_NEAR(metrics.loss(), -(std::log(0.8) + std::log(0.2)) / 2, 1e-6);
  EXPECT_NEAR(metrics.calibration_error(), 0.3, 1e-6);
}

TEST(ClassificationMetrics, OfEqualLogitsTheFirstClassComesFirst) {
  ClassificationMetrics metrics(3);
  metrics.add(at::zeros({2, 3}), std::vector<std::int64_t>{0, 1});
  EXPECT_DOUBLE_EQ(metrics.top1(), 0.5);
}

TEST(ClassificationMetrics, WhatIsNoNumberIsNoHit) {
  ClassificationMetrics metrics(2);
  metrics.add(at::full({1, 2}, std::numeric_limits<float>::quiet_NaN()),
              std::vector<std::int64_t>{0});
  EXPECT_DOUBLE_EQ(metrics.top1(), 0);
  EXPECT_DOUBLE_EQ(metrics.top5(), 0);
  EXPECT_DOUBLE_EQ(metrics.recall(0), 0);
}

}  // namespace
}  // namespace convmae
