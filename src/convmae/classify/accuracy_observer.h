#pragma once

#include "convmae/classify/finetune_options.h"
#include "convmae/metrics/classification_metrics.h"
#include "convmae/train/observer.h"
#include "convmae/train/run/run.h"

#include <functional>
#include <memory>
#include <string>

namespace convmae {

/// Classifies the held-out images, before the first step and whenever it is due.
class AccuracyObserver : public Observer {
 public:
  using Evaluate = std::function<ClassificationMetrics()>;

  /// `evaluate` classifies the held-out images, `images`, with the model as it is. With
  /// `should_know_classes` it warns if the model turns out at first to know others. Run and options
  /// outlive it.
  AccuracyObserver(Run& run, const ClassifierOptions& options,
                   std::shared_ptr<const ImageSource> images, Evaluate evaluate,
                   bool should_know_classes);

  void begin(const Moment& now) override;
  void evaluate(const Moment& now, Scores& scores) override;
  double seconds_at_end() const override { return seconds_; }

 private:
  ClassificationMetrics measure();

  Run& run_;
  const ClassifierOptions& options_;
  std::shared_ptr<const ImageSource> images_;
  Evaluate evaluate_;
  bool should_know_classes_;  ///< until the first evaluation
  double seconds_ = 0;
};

}  // namespace convmae
