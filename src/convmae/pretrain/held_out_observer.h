#pragma once

#include "convmae/pretrain/held_out_loss.h"
#include "convmae/pretrain/pretrain_task.h"
#include "convmae/train/observer.h"
#include "convmae/train/run/run.h"

#include <memory>
#include <optional>

namespace convmae {

/// Measures the loss on held-out images, before the first step and whenever it is due.
class HeldOutObserver : public Observer {
 public:
  /// All outlive it but `images`.
  HeldOutObserver(Run& run, PretrainTask& task, const PretrainOptions& options,
                  std::shared_ptr<const ImageSource> images);

  void begin(const Moment& now) override;
  void evaluate(const Moment& now, Scores& scores) override;
  double seconds_at_end() const override { return seconds_; }

  /// What it found before the run's first step.
  const std::optional<Evaluation>& untrained() const { return untrained_; }

 private:
  Evaluation measure();

  Run& run_;
  PretrainTask& task_;
  const PretrainOptions& options_;
  std::shared_ptr<const ImageSource> images_;
  std::optional<Evaluation> untrained_;
  double seconds_ = 0;
};

}  // namespace convmae
