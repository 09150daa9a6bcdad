#include "convmae/metrics/segmentation_metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace convmae {
namespace {

using Map = std::vector<std::uint8_t>;

/// Label maps whose classes are right more often than not. Of `classes`, the last is in neither and
/// the one before it is predicted only.
struct Maps {
  Map labels;
  Map predicted;
};

Maps random_maps(std::mt19937& random, int classes, std::size_t pixels) {
  Maps maps;
  for (std::size_t i = 0; i < pixels; ++i) {
    const auto label = static_cast<std::uint8_t>(random() % (classes - 2));
    maps.labels.push_back(random() % 10 == 0 ? 255 : label);
    maps.predicted.push_back(
        random() % 3 > 0 ? label : static_cast<std::uint8_t>(random() % (classes - 1)));
  }
  return maps;
}

/// A class's numbers from their definitions, pixel by pixel.
struct Plain {
  double intersection = 0;
  double labels = 0;
  double predicted = 0;
};

Plain plain_counts(const std::vector<Maps>& images, int k) {
  Plain plain;
  for (const Maps& maps : images) {
    for (std::size_t i = 0; i < maps.labels.size(); ++i) {
      if (maps.labels[i] == 255) continue;
      plain.labels += maps.labels[i] == k;
      plain.predicted += maps.predicted[i] == k;
      plain.intersection += maps.labels[i] == k && maps.predicted[i] == k;
    }
  }
  return plain;
}

/// The mean of what is a number, as numpy.nanmean.
double mean_of_numbers(const std::vector<double>& values) {
  double sum = 0;
  int count = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    ++count;
  }
  return sum / count;
}

TEST(SegmentationMetrics, AreThoseOfTheirDefinitions) {
  std::mt19937 random(1);
  for (const int classes : {3, 7, 150}) {
    SegmentationMetrics metrics(classes);
    std::vector<Maps> images;
    for (const std::size_t pixels : {0, 1, 600, 1001}) {
      images.push_back(random_maps(random, classes, pixels));
      metrics.add(images.back().predicted, images.back().labels);
    }
    std::vector<double> iou;
    std::vector<double> dice;
    std::vector<double> accuracy;
    double correct = 0;
    double all = 0;
    for (int k = 0; k < classes; ++k) {
      const Plain plain = plain_counts(images, k);
      iou.push_back(plain.intersection / (plain.labels + plain.predicted - plain.intersection));
      dice.push_back(2 * plain.intersection / (plain.labels + plain.predicted));
      accuracy.push_back(plain.intersection / plain.labels);
      EXPECT_EQ(metrics.iou(k).has_value(), !std::isnan(iou.back())) << k;
      EXPECT_EQ(metrics.accuracy(k).has_value(), !std::isnan(accuracy.back())) << k;
      if (!std::isnan(iou.back())) {
        EXPECT_DOUBLE_EQ(metrics.iou(k).value(), iou.back());
        EXPECT_DOUBLE_EQ(metrics.dice(k).value(), dice.back());
      }
      if (!std::isnan(accuracy.back())) {
        EXPECT_DOUBLE_EQ(metrics.accuracy(k).value(), accuracy.back());
      }
      correct += plain.intersection;
      all += plain.labels;
    }
    EXPECT_DOUBLE_EQ(metrics.mean_iou(), mean_of_numbers(iou));
    EXPECT_DOUBLE_EQ(metrics.mean_dice(), mean_of_numbers(dice));
    EXPECT_DOUBLE_EQ(metrics.mean_accuracy(), mean_of_numbers(accuracy));
    EXPECT_DOUBLE_EQ(metrics.overall_accuracy(), correct / all);
    EXPECT_EQ(metrics.pixels(), static_cast<std::int64_t>(all));
  }
}

TEST(SegmentationMetrics, ALeftOutClassIsOneThatIsNowhere) {
  SegmentationMetrics metrics(4);
  // Class 2 is predicted alone, class 3 is nowhere; what is ignored may be taken for anything.
  metrics.add(Map{0, 0, 1, 2, 3}, Map{0, 1, 1, 0, 255});
  EXPECT_DOUBLE_EQ(*metrics.iou(0), 1.0 / 3);
  EXPECT_DOUBLE_EQ(*metrics.iou(1), 0.5);
  EXPECT_EQ(metrics.iou(2), 0);
  EXPECT_EQ(metrics.dice(2), 0);
  EXPECT_EQ(metrics.accuracy(2), std::nullopt);
  EXPECT_EQ(metrics.iou(3), std::nullopt);
  EXPECT_DOUBLE_EQ(metrics.mean_iou(), (1.0 / 3 + 0.5 + 0) / 3);
  EXPECT_DOUBLE_EQ(metrics.mean_accuracy(), 0.5);
  EXPECT_EQ(metrics.confusions(0, 2), 1);
  EXPECT_EQ(metrics.confusions(1, 0), 1);
  EXPECT_EQ(metrics.pixels_of(0), 2);
  EXPECT_EQ(metrics.predicted_as(3), 0);
}

TEST(SegmentationMetrics, OfNothingAreZero) {
  SegmentationMetrics metrics(3);
  metrics.add(Map{1, 2}, Map{255, 255});
  EXPECT_EQ(metrics.pixels(), 0);
  EXPECT_EQ(metrics.mean_iou(), 0);
  EXPECT_EQ(metrics.overall_accuracy(), 0);
}

TEST(SegmentationMetrics, TakeMoreClassesThanABytesWorth) {
  SegmentationMetrics metrics(400);
  metrics.add(std::vector<std::int16_t>{300, 399, 7}, std::vector<std::int16_t>{300, 255, -1}, -1);
  EXPECT_EQ(metrics.confusions(255, 399), 1);
  EXPECT_EQ(metrics.pixels(), 2);
}

TEST(SegmentationMetrics, RefuseMapsThatDoNotBelongTogether) {
  SegmentationMetrics metrics(3);
  EXPECT_THROW(metrics.add(Map{1, 2}, Map{1}), std::logic_error);
  EXPECT_THROW(metrics.add(Map{3}, Map{1}), std::logic_error);
  EXPECT_THROW(metrics.add(Map{1}, Map{3}), std::logic_error);
}

TEST(SegmentationMetrics, CountersOfPartsAddUpToThoseOfAll) {
  std::mt19937 random(7);
  SegmentationMetrics all(5);
  SegmentationMetrics first(5);
  SegmentationMetrics second(5);
  for (SegmentationMetrics* const part : {&first, &second}) {
    const Maps maps = random_maps(random, 5, 200);
    part->add(maps.predicted, maps.labels);
    all.add(maps.predicted, maps.labels);
  }
  std::vector<double> sum = first.counters();
  const std::vector<double> more = second.counters();
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += more[i];
  first.set_counters(sum);
  EXPECT_EQ(first.counters(), all.counters());
  EXPECT_DOUBLE_EQ(first.mean_iou(), all.mean_iou());
}

}  // namespace
}  // namespace convmae
