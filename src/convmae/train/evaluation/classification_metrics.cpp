#include "convmae/train/evaluation/classification_metrics.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace convmae {
namespace {

constexpr std::size_t kBins = 15;

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

ClassificationMetrics::ClassificationMetrics(std::int64_t num_classes)
    : num_classes_(num_classes),
      confusion_(static_cast<std::size_t>(num_classes * num_classes)),
      bins_(kBins) {}

void ClassificationMetrics::add(const at::Tensor& logits, std::span<const std::int64_t> labels) {
  TORCH_CHECK(
      logits.dim() == 2 && logits.size(0) == std::ssize(labels) && logits.size(1) == num_classes_,
      "logits [", labels.size(), ", ", num_classes_, "] are needed, found ", logits.sizes());
  const at::Tensor log_share = at::log_softmax(logits.detach().to(at::kDouble), 1).cpu();
  const auto rows = log_share.accessor<double, 2>();
  for (std::int64_t i = 0; i < log_share.size(0); ++i) {
    const std::int64_t label = labels[static_cast<std::size_t>(i)];
    TORCH_CHECK(label >= 0 && label < num_classes_, "a label is outside 0..", num_classes_ - 1);
    const auto row = rows[i];
    const double own = row[label];
    std::int64_t better = 0;
    std::int64_t predicted = 0;
    for (std::int64_t k = 0; k < num_classes_; ++k) {
      if (row[k] > own || (row[k] == own && k < label)) ++better;
      if (row[k] > row[predicted]) predicted = k;
    }
    // Where a logit is no number, neither is any share.
    const bool numbers = !std::isnan(own);
    const bool hit = numbers && better == 0;
    ++images_;
    if (hit) ++correct_;
    if (numbers && better < 5) ++correct5_;
    loss_sum_ -= own;
    ++confusion_[static_cast<std::size_t>(label * num_classes_ + predicted)];
    if (!numbers) continue;
    const double confidence = std::exp(row[predicted]);
    const auto number = static_cast<std::size_t>(confidence * static_cast<double>(kBins));
    Bin& bin = bins_[std::min(number, kBins - 1)];
    ++bin.images;
    if (hit) ++bin.correct;
    bin.confidence += confidence;
  }
}

double ClassificationMetrics::share(std::int64_t count) const { return ratio(count, images_); }

double ClassificationMetrics::loss() const {
  return images_ == 0 ? 0 : loss_sum_ / static_cast<double>(images_);
}

std::int64_t ClassificationMetrics::confusions(std::int64_t label, std::int64_t predicted) const {
  return confusion_.at(static_cast<std::size_t>(label * num_classes_ + predicted));
}

std::int64_t ClassificationMetrics::images_of(std::int64_t label) const {
  std::int64_t sum = 0;
  for (std::int64_t k = 0; k < num_classes_; ++k) sum += confusions(label, k);
  return sum;
}

double ClassificationMetrics::recall(std::int64_t label) const {
  return ratio(confusions(label, label), images_of(label));
}

double ClassificationMetrics::precision(std::int64_t predicted) const {
  std::int64_t sum = 0;
  for (std::int64_t k = 0; k < num_classes_; ++k) sum += confusions(k, predicted);
  return ratio(confusions(predicted, predicted), sum);
}

double ClassificationMetrics::mean_recall() const {
  double sum = 0;
  std::int64_t classes = 0;
  for (std::int64_t k = 0; k < num_classes_; ++k) {
    if (images_of(k) == 0) continue;
    sum += recall(k);
    ++classes;
  }
  return classes == 0 ? 0 : sum / static_cast<double>(classes);
}

double ClassificationMetrics::calibration_error() const {
  double sum = 0;
  for (const Bin& bin : bins_) sum += std::abs(bin.confidence - static_cast<double>(bin.correct));
  return images_ == 0 ? 0 : sum / static_cast<double>(images_);
}

}  // namespace convmae
