#include "convmae/metrics/classification_metrics.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace convmae {
namespace {

constexpr std::size_t kBins = 15;

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// Logarithms of the softmax. Where a logit is not a number or plus infinity none of them is one.
void to_log_share(std::span<const float> logits, std::span<double> log_share) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit - largest);
  const double log_sum = std::log(sum);
  for (std::size_t k = 0; k < logits.size(); ++k) {
    log_share[k] = static_cast<double>(logits[k]) - largest - log_sum;
  }
}

}  // namespace

ClassificationMetrics::ClassificationMetrics(std::int64_t num_classes, Confusions confusions)
    : num_classes_(num_classes), classes_(static_cast<std::size_t>(num_classes)), bins_(kBins) {
  if (confusions == Confusions::counted) {
    confusion_.resize(classes_.size() * classes_.size());
  }
}

void ClassificationMetrics::add(std::span<const float> logits,
                                std::span<const std::int64_t> labels) {
  if (std::ssize(logits) != std::ssize(labels) * num_classes_) {
    throw std::logic_error("logits that are not as many as labels and classes ask for");
  }
  std::vector<double> log_share(classes_.size());
  for (const std::int64_t label : labels) {
    if (label < 0 || label >= num_classes_) throw std::logic_error("a label that is no class");
    to_log_share(logits.first(classes_.size()), log_share);
    add_image(log_share, label);
    logits = logits.subspan(classes_.size());
  }
}

void ClassificationMetrics::add_image(std::span<const double> log_share, std::int64_t label) {
  const auto own_class = static_cast<std::size_t>(label);
  const double own = log_share[own_class];
  std::int64_t better = 0;
  std::size_t predicted = 0;
  for (std::size_t k = 0; k < log_share.size(); ++k) {
    if (log_share[k] > own || (log_share[k] == own && k < own_class)) ++better;
    if (log_share[k] > log_share[predicted]) predicted = k;
  }
  // Where a logit is no number, neither is any share.
  const bool numbers = !std::isnan(own);
  const bool hit = numbers && better == 0;
  ++images_;
  ++classes_[own_class].images;
  ++classes_[predicted].predicted;
  if (hit) {
    ++correct_;
    ++classes_[own_class].correct;
  }
  if (numbers && better < 5) ++correct5_;
  loss_sum_ -= own;
  if (!confusion_.empty()) ++confusion_[own_class * classes_.size() + predicted];
  if (!numbers) return;
  const double confidence = std::exp(log_share[predicted]);
  const auto number = static_cast<std::size_t>(confidence * static_cast<double>(kBins));
  Bin& bin = bins_[std::min(number, kBins - 1)];
  ++bin.images;
  if (hit) ++bin.correct;
  bin.confidence += confidence;
}

double ClassificationMetrics::share(std::int64_t count) const { return ratio(count, images_); }

double ClassificationMetrics::loss() const {
  return images_ == 0 ? 0 : loss_sum_ / static_cast<double>(images_);
}

std::int64_t ClassificationMetrics::confusions(std::int64_t label, std::int64_t predicted) const {
  if (confusion_.empty()) throw std::logic_error("confusions were not counted");
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
