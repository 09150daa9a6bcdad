#pragma once

#include "convmae/pretrain/knn_probe.h"
#include "convmae/pretrain/pretrain_report.h"
#include "convmae/pretrain/pretrain_task.h"
#include "convmae/train/observer.h"
#include "convmae/train/run/run.h"

#include <cstdint>
#include <optional>

namespace convmae {

/// Scores the features by nearest neighbours, before the first step and every so many epochs.
class ProbeObserver : public Observer {
 public:
  /// Run and task outlive it.
  ProbeObserver(Run& run, PretrainTask& task, KnnProbe probe, std::int64_t every);

  void begin(const Moment& now) override;
  void evaluate(const Moment& now, Scores& scores) override;
  double seconds_at_end() const override { return seconds_; }

  /// What it found before the run's first step.
  const std::optional<ProbeContext>& first() const { return first_; }

 private:
  KnnProbe::Score measure();

  Run& run_;
  PretrainTask& task_;
  KnnProbe probe_;
  std::int64_t every_;
  std::optional<ProbeContext> first_;
  double seconds_ = 0;
};

}  // namespace convmae
