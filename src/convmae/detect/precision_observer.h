#pragma once

#include "convmae/detect/detection_scores.h"
#include "convmae/train/observer.h"

#include <functional>

namespace convmae {

/// Finds objects in the held-out images whenever that is due, and before the first step where the
/// detector may find some.
class PrecisionObserver : public Observer {
 public:
  using Evaluate = std::function<DetectionScores()>;

  /// `evaluate` scores the model as it is. Run, options and images outlive it.
  PrecisionObserver(Run& run, const DetectOptions& options, const DetectionImages& images,
                    Evaluate evaluate, bool knows_classes);

  void begin(const Moment& now) override;
  void evaluate(const Moment& now, Scores& scores) override;
  double seconds_at_end() const override { return seconds_; }

 private:
  Run& run_;
  const DetectOptions& options_;
  const DetectionImages& images_;
  Evaluate evaluate_;
  bool knows_classes_;
  double seconds_ = 0;
};

}  // namespace convmae
