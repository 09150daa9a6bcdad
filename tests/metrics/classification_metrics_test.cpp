#include "convmae/metrics/classification_metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <span>
#include <stdexcept>
#include <vector>

namespace convmae {
namespace {

using Logits = std::vector<float>;
using Labels = std::vector<std::int64_t>;

TEST(ClassificationMetrics, CountsHitsAndConfusions) {
  ClassificationMetrics metrics(3, Confusions::counted);
  metrics.add(Logits{2, 1, 0, 0, 3, 0, 5, 0, 0, 0, 0, 1}, Labels{0, 1, 1, 2});
  EXPECT_EQ(metrics.images(), 4);
  EXPECT_DOUBLE_EQ(metrics.top1(), 0.75);
  EXPECT_DOUBLE_EQ(metrics.top5(), 1);
  EXPECT_EQ(metrics.confusions(1, 0), 1);
  EXPECT_EQ(metrics.confusions(1, 1), 1);
  EXPECT_DOUBLE_EQ(metrics.recall(1), 0.5);
  EXPECT_DOUBLE_EQ(metrics.precision(0), 0.5);
  EXPECT_DOUBLE_EQ(metrics.mean_recall(), (1 + 0.5 + 1) / 3);
}

TEST(ClassificationMetrics, CountersOfPartsAddUpToThoseOfAll) {
  ClassificationMetrics all(3, Confusions::counted);
  ClassificationMetrics first(3, Confusions::counted);
  ClassificationMetrics second(3, Confusions::counted);
  const Logits logits{2, 1, 0, 0, 3, 0, 5, 0, 0};
  const Labels labels{0, 1, 1};
  all.add(logits, labels);
  first.add(std::span(logits).first(3), std::span(labels).first(1));
  second.add(std::span(logits).subspan(3), std::span(labels).subspan(1));
  std::vector<double> sum = first.counters();
  const std::vector<double> more = second.counters();
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += more[i];
  second.set_counters(sum);
  EXPECT_EQ(second.counters(), all.counters());
  EXPECT_EQ(second.images(), 3);
  EXPECT_EQ(second.confusions(1, 0), 1);
  EXPECT_DOUBLE_EQ(second.calibration_error(), all.calibration_error());
}

/// A counter for every pair of a million classes would be eight terabytes.
TEST(ClassificationMetrics, CountsConfusionsOnlyWhereAsked) {
  ClassificationMetrics many(1'000'000);
  EXPECT_EQ(many.images_of(999'999), 0);
  ClassificationMetrics metrics(2);
  metrics.add(Logits{2, 1, 2, 1, 0, 1}, Labels{0, 1, 1});
  EXPECT_EQ(metrics.images_of(1), 2);
  EXPECT_DOUBLE_EQ(metrics.recall(1), 0.5);
  EXPECT_DOUBLE_EQ(metrics.precision(0), 0.5);
  EXPECT_DOUBLE_EQ(metrics.precision(1), 1);
  EXPECT_THROW(metrics.confusions(0, 0), std::logic_error);
}

TEST(ClassificationMetrics, TopFiveIsTheFifthBestAtTheLeast) {
  ClassificationMetrics metrics(8);
  const Logits logits{8, 7, 6, 5, 4, 3, 2, 1};
  for (const std::int64_t label : {4, 5}) metrics.add(logits, Labels{label});
  EXPECT_DOUBLE_EQ(metrics.top5(), 0.5);
  EXPECT_DOUBLE_EQ(metrics.top1(), 0);
}

TEST(ClassificationMetrics, LossAndCalibrationOfKnownProbabilities) {
  ClassificationMetrics metrics(2);
  // Four images predicted with probability 0.8, two of them right.
  const auto logit = static_cast<float>(std::log(4.0));
  metrics.add(Logits{logit, 0, logit, 0, logit, 0, logit, 0}, Labels{0, 0, 1, 1});
  EXPECT_NEAR(metrics.loss(), -(std::log(0.8) + std::log(0.2)) / 2, 1e-6);
  EXPECT_NEAR(metrics.calibration_error(), 0.3, 1e-6);
}

TEST(ClassificationMetrics, OfEqualLogitsTheFirstClassComesFirst) {
  ClassificationMetrics metrics(3);
  metrics.add(Logits(6, 0), Labels{0, 1});
  EXPECT_DOUBLE_EQ(metrics.top1(), 0.5);
}

TEST(ClassificationMetrics, WhatIsNoNumberIsNoHit) {
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const Logits& logits :
       {Logits{kNone, kNone}, {1, kNone}, {kNone, 1}, {kInfinity, 1}, {-kInfinity, -kInfinity}}) {
    ClassificationMetrics metrics(2);
    metrics.add(logits, Labels{0});
    EXPECT_DOUBLE_EQ(metrics.top1(), 0);
    EXPECT_DOUBLE_EQ(metrics.top5(), 0);
    EXPECT_DOUBLE_EQ(metrics.recall(0), 0);
    EXPECT_TRUE(std::isnan(metrics.loss()));
  }
}

TEST(ClassificationMetrics, MinusInfinityIsAClassThatIsRuledOut) {
  ClassificationMetrics metrics(3);
  metrics.add(Logits{-std::numeric_limits<float>::infinity(), 0, 0}, Labels{1});
  EXPECT_DOUBLE_EQ(metrics.top1(), 1);
  EXPECT_NEAR(metrics.loss(), std::log(2.0), 1e-12);
}

/// The exponential of a large logit alone would be infinite.
TEST(ClassificationMetrics, LogitsMayBeLarge) {
  ClassificationMetrics metrics(2);
  metrics.add(Logits{3e38F, -3e38F, -1e30F, -1e30F}, Labels{0, 1});
  EXPECT_NEAR(metrics.loss(), std::log(2.0) / 2, 1e-12);
}

TEST(ClassificationMetrics, RefusesWhatDoesNotFitTogether) {
  ClassificationMetrics metrics(2);
  EXPECT_THROW(metrics.add(Logits(3), Labels{0}), std::logic_error);
  EXPECT_THROW(metrics.add(Logits(2), Labels{2}), std::logic_error);
  EXPECT_THROW(metrics.add(Logits(2), Labels{-1}), std::logic_error);
  metrics.add({}, {});
  EXPECT_EQ(metrics.images(), 0);
}

}  // namespace
}  // namespace convmae
