#pragma once

#include "convmae/metrics/counters.h"

#include <cstdint>
#include <span>
#include <vector>

namespace convmae {

/// Whether each pair of a class and what it was taken for is counted, which takes a counter a pair.
enum class Confusions { ignored, counted };

/// How well a classifier tells classes apart, gathered batch by batch.
class ClassificationMetrics : public Counters<ClassificationMetrics> {
 public:
  /// Images whose predicted class had about the same probability.
  struct Bin {
    std::int64_t images = 0;
    std::int64_t correct = 0;
    double confidence = 0;  ///< sum of the predicted classes' probabilities
  };

  explicit ClassificationMetrics(std::int64_t num_classes,
                                 Confusions confusions = Confusions::ignored);

  /// Logits of B images, K of each, one image after the other; B labels in 0 .. K-1. An image
  /// counts as wrong where logits are not numbers; of equal logits the first class comes first.
  /// Throws std::logic_error for other sizes and labels.
  void add(std::span<const float> logits, std::span<const std::int64_t> labels);

  std::int64_t images() const { return images_; }
  std::int64_t num_classes() const { return num_classes_; }
  /// Shares of the images, 0 without images.
  double top1() const { return share(correct_); }
  double top5() const { return share(correct5_); }
  /// Mean cross entropy.
  double loss() const;
  /// The share of images that a blind guess gets right, if classes are equally frequent.
  double chance() const { return 1 / static_cast<double>(num_classes_); }

  bool counts_confusions() const { return !confusion_.empty(); }
  /// Images of class `label` that were taken for class `predicted`. Throws std::logic_error unless
  /// they are counted.
  std::int64_t confusions(std::int64_t label, std::int64_t predicted) const;
  std::int64_t images_of(std::int64_t label) const { return of_class(label).images; }
  /// Share of a class's images that were recognised; 0 without images.
  double recall(std::int64_t label) const;
  /// Share of the images taken for a class that are of it; 0 without any.
  double precision(std::int64_t predicted) const;
  /// Mean of `recall` over the classes that have images.
  double mean_recall() const;

  /// Equal parts of the probabilities 0..1, ascending.
  const std::vector<Bin>& bins() const { return bins_; }
  /// Expected calibration error (Guo et al., arXiv 1706.04599): how far, on average over images,
  /// the predicted class's probability lies from the share of hits in its bin.
  double calibration_error() const;

 private:
  struct OfClass {
    std::int64_t images = 0;
    std::int64_t correct = 0;
    std::int64_t predicted = 0;  ///< images of any class that were taken for this one
  };

  friend class Counters<ClassificationMetrics>;
  template <typename Metrics, typename Visit>
  static void visit_counters(Metrics& metrics, const Visit& visit) {
    visit(metrics.images_);
    visit(metrics.correct_);
    visit(metrics.correct5_);
    visit(metrics.loss_sum_);
    for (auto& one : metrics.classes_) {
      visit(one.images);
      visit(one.correct);
      visit(one.predicted);
    }
    for (auto& confusion : metrics.confusion_) visit(confusion);
    for (auto& bin : metrics.bins_) {
      visit(bin.images);
      visit(bin.correct);
      visit(bin.confidence);
    }
  }
  /// An image by the logarithms of its classes' probabilities.
  void add_image(std::span<const double> log_share, std::int64_t label);
  const OfClass& of_class(std::int64_t k) const { return classes_.at(static_cast<std::size_t>(k)); }
  double share(std::int64_t count) const;

  std::int64_t num_classes_;
  std::int64_t images_ = 0;
  std::int64_t correct_ = 0;
  std::int64_t correct5_ = 0;
  double loss_sum_ = 0;
  std::vector<OfClass> classes_;
  std::vector<std::int64_t> confusion_;  ///< [K, K], rows are labels; or empty
  std::vector<Bin> bins_;
};

}  // namespace convmae
