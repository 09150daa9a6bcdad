#pragma once

#include "convmae/pretrain/pretrain_task.h"
#include "convmae/pretrain/sample_panel.h"
#include "convmae/report/missing_fonts.h"
#include "convmae/train/observer.h"
#include "convmae/train/run/run.h"

#include <cstdint>

namespace convmae {

/// Draws reconstructions of a few images, before the first step and every so many epochs.
class PanelObserver : public Observer {
 public:
  /// Run and task outlive it.
  PanelObserver(Run& run, PretrainTask& task, SamplePanel panel, std::int64_t every);

  void begin(const Moment& now) override;
  void evaluate(const Moment& now, Scores& scores) override;
  double seconds_at_end() const override { return seconds_; }

 private:
  void draw(double epoch);

  Run& run_;
  PretrainTask& task_;
  SamplePanel panel_;
  MissingFonts missing_fonts_;
  std::int64_t every_;
  double seconds_ = 0;
};

}  // namespace convmae
