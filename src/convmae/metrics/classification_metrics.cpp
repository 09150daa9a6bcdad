#include "convmae/metrics/classification_metrics.h"

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

ClassificationMetrics::ClassificationMetrics(std::int64_t num_classes, Confusions confusions)
    : num_classes_(num_classes), classes_(static_cast<std::size_t>(num_classes)), bins_(kBins) {
  if (confusions == Confusions::counted) {
    confusion_.resize(classes_.size() * classes_.size());
  }
}

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
    ++classes_[static_cast<std::size_t>(label)].images;
    ++classes_[static_cast<std::size_t>(predicted)].predicted;
    if (hit) {
      ++correct_;
      ++classes_[static_cast<std::size_t>(label)].correct;
    }
    if (numbers && better < 5) ++correct5_;
    loss_sum_ -= own;
    if (!confusion_.empty()) {
      ++confusion_[static_cast<std::size_t>(label * num_classes_ + predicted)];
    }
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
  TORCH_CHECK(!confusion_.empty(), "confusions were not counted");
  return confusion_.at(static_cast<std::size_t>(label * num_classes_ + predicted));
}

double ClassificationMetrics::recall(std::int64_t label) const {
  return ratio(of_class(label).correct, of_class(label).images);
}

double ClassificationMetrics::precision(std::int64_t predicted) const {
  return ratio(of_class(predicted).correct, of_class(predicted).predicted);
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
