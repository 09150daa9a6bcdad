#pragma once

#include "convmae/metrics/counters.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace convmae {

/// How well label maps agree with what pixels are, gathered image by image (mmsegmentation's
/// `mean_iou` and `mean_dice`). Holds a counter for each pair of classes.
class SegmentationMetrics : public Counters<SegmentationMetrics> {
 public:
  explicit SegmentationMetrics(std::int64_t num_classes);

  /// The classes of the same pixels, 0 .. K-1. Those whose label is `ignored` count for nothing,
  /// whatever they were taken for. Throws std::logic_error for maps of different sizes and for
  /// classes out of range.
  void add(std::span<const std::uint8_t> predicted, std::span<const std::uint8_t> labels,
           std::uint8_t ignored = 255);
  /// The same of more than 256 classes.
  void add(std::span<const std::int16_t> predicted, std::span<const std::int16_t> labels,
           std::int16_t ignored);

  std::int64_t num_classes() const { return num_classes_; }
  /// Pixels that counted.
  std::int64_t pixels() const { return pixels_; }
  /// Pixels of class `label` that were taken for class `predicted`.
  std::int64_t confusions(std::int64_t label, std::int64_t predicted) const;
  std::int64_t pixels_of(std::int64_t label) const { return of_class(label).labels; }
  std::int64_t predicted_as(std::int64_t predicted) const { return of_class(predicted).predicted; }

  /// Intersection over union of a class; nothing for a class that is neither in the labels nor
  /// predicted anywhere, 0 for one that is predicted only.
  std::optional<double> iou(std::int64_t k) const;
  /// Twice the intersection over the sum; nothing for the same classes.
  std::optional<double> dice(std::int64_t k) const;
  /// The share of a class's pixels that were recognised; nothing without any.
  std::optional<double> accuracy(std::int64_t k) const;

  // Means over the classes that have the value, 0 where none has.
  double mean_iou() const;
  double mean_dice() const;
  double mean_accuracy() const;
  /// The share of all pixels that were recognised, 0 without pixels.
  double overall_accuracy() const;

 private:
  struct OfClass {
    std::int64_t labels = 0;
    std::int64_t predicted = 0;
    std::int64_t correct = 0;
  };

  friend class Counters<SegmentationMetrics>;
  template <typename Metrics, typename Visit>
  static void visit_counters(Metrics& metrics, const Visit& visit) {
    visit(metrics.pixels_);
    for (auto& one : metrics.classes_) {
      visit(one.labels);
      visit(one.predicted);
      visit(one.correct);
    }
    for (auto& confusion : metrics.confusion_) visit(confusion);
  }
  template <typename T>
  void count(std::span<const T> predicted, std::span<const T> labels, T ignored);
  const OfClass& of_class(std::int64_t k) const { return classes_.at(static_cast<std::size_t>(k)); }
  double mean_of(std::optional<double> (SegmentationMetrics::*value)(std::int64_t) const) const;

  std::int64_t num_classes_;
  std::int64_t pixels_ = 0;
  std::vector<OfClass> classes_;
  std::vector<std::int64_t> confusion_;  ///< [K, K], rows are labels
};

}  // namespace convmae
