#include "convmae/metrics/segmentation_metrics.h"

#include <stdexcept>

namespace convmae {
namespace {

/// A share of pixels, or nothing of none.
std::optional<double> share_of(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

SegmentationMetrics::SegmentationMetrics(std::int64_t num_classes)
    : num_classes_(num_classes),
      classes_(static_cast<std::size_t>(num_classes)),
      confusion_(classes_.size() * classes_.size()) {}

template <typename T>
void SegmentationMetrics::count(std::span<const T> predicted, std::span<const T> labels,
                                T ignored) {
  if (predicted.size() != labels.size()) {
    throw std::logic_error("label maps of different sizes are compared");
  }
  const auto known = [this](std::int64_t k) { return k >= 0 && k < num_classes_; };
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == ignored) continue;
    const std::int64_t label = labels[i];
    const std::int64_t taken_for = predicted[i];
    if (!known(label) || !known(taken_for)) {
      throw std::logic_error("a class of a label map is out of range");
    }
    ++confusion_[static_cast<std::size_t>(label * num_classes_ + taken_for)];
    ++pixels_;
    OfClass& own = classes_[static_cast<std::size_t>(label)];
    ++own.labels;
    ++classes_[static_cast<std::size_t>(taken_for)].predicted;
    if (label == taken_for) ++own.correct;
  }
}

void SegmentationMetrics::add(std::span<const std::uint8_t> predicted,
                              std::span<const std::uint8_t> labels, std::uint8_t ignored) {
  count(predicted, labels, ignored);
}

void SegmentationMetrics::add(std::span<const std::int16_t> predicted,
                              std::span<const std::int16_t> labels, std::int16_t ignored) {
  count(predicted, labels, ignored);
}

std::int64_t SegmentationMetrics::confusions(std::int64_t label, std::int64_t predicted) const {
  return confusion_.at(static_cast<std::size_t>(label * num_classes_ + predicted));
}

std::optional<double> SegmentationMetrics::iou(std::int64_t k) const {
  const OfClass& own = of_class(k);
  return share_of(own.correct, own.labels + own.predicted - own.correct);
}

std::optional<double> SegmentationMetrics::dice(std::int64_t k) const {
  const OfClass& own = of_class(k);
  return share_of(2 * own.correct, own.labels + own.predicted);
}

std::optional<double> SegmentationMetrics::accuracy(std::int64_t k) const {
  return share_of(of_class(k).correct, of_class(k).labels);
}

double SegmentationMetrics::mean_of(
    std::optional<double> (SegmentationMetrics::*value)(std::int64_t) const) const {
  double sum = 0;
  std::int64_t classes = 0;
  for (std::int64_t k = 0; k < num_classes_; ++k) {
    const std::optional<double> own = (this->*value)(k);
    if (!own) continue;
    sum += *own;
    ++classes;
  }
  return classes == 0 ? 0 : sum / static_cast<double>(classes);
}

double SegmentationMetrics::mean_iou() const { return mean_of(&SegmentationMetrics::iou); }
double SegmentationMetrics::mean_dice() const { return mean_of(&SegmentationMetrics::dice); }
double SegmentationMetrics::mean_accuracy() const {
  return mean_of(&SegmentationMetrics::accuracy);
}

double SegmentationMetrics::overall_accuracy() const {
  std::int64_t correct = 0;
  for (const OfClass& own : classes_) correct += own.correct;
  return share_of(correct, pixels_).value_or(0);
}

}  // namespace convmae
