#pragma once

#include "convmae/metrics/segmentation_metrics.h"
#include "convmae/report/report.h"
#include "convmae/segment/segment_options.h"
#include "convmae/segment/segmentor_inference.h"
#include "convmae/train/observer.h"
#include "convmae/train/run/run.h"

#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// Tells the pixels of the held-out images whenever that is due, and keeps pictures of some.
class MeanIouObserver : public Observer {
 public:
  /// What the last evaluation found; nothing before the first.
  struct Findings {
    SegmentationMetrics metrics;
    std::vector<Figure> worst;
  };

  /// Run, options and segmentor outlive it. `digest` is of the labels.
  MeanIouObserver(Run& run, const SegmentOptions& options, Segmentor& segmentor, LabelledPairs data,
                  std::string digest);

  void evaluate(const Moment& now, Scores& scores) override;
  double seconds_at_end() const override { return seconds_; }

  const std::optional<Findings>& findings() const { return findings_; }

 private:
  Run& run_;
  const SegmentOptions& options_;
  Segmentor& segmentor_;
  LabelledPairs data_;
  std::string digest_;
  std::optional<Findings> findings_;
  double seconds_ = 0;
};

}  // namespace convmae
