#pragma once

#include "convmae/train/observer.h"
#include "convmae/train/run/checkpoint_store.h"
#include "convmae/train/run/run_log.h"
#include "convmae/train/task.h"
#include "convmae/train/training_checkpoint.h"
#include "convmae/train/training_options.h"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace convmae {

/// Saves checkpoints as the options say, and before the model is evaluated; notes their scores.
class CheckpointObserver : public Observer {
 public:
  struct Parts {
    const TrainingOptions& options;
    CheckpointStore& store;
    RunLog& log;  ///< whose steps a checkpoint counts on
    Task& task;
    RunIdentity identity;
    std::function<CheckpointInfo(const RunPosition&)> info;
    std::function<void(const std::string&)> say;
  };

  /// `saved_step`: where nothing new is to be saved yet.
  CheckpointObserver(Parts parts, std::int64_t saved_step)
      : parts_(std::move(parts)), saved_step_(saved_step), tried_step_(saved_step) {}

  void stepped(const StepRecord& record, const Moment& now) override;
  bool needs_model_after(std::int64_t step) const override;
  void save(const Moment& now) override;
  void evaluated(const Moment& now, const Scores& scores) override;
  void rescue(const Moment& now) override;
  /// Of two: one may be due beside the last.
  double seconds_at_end() const override { return 2 * seconds_; }

 private:
  void write(const RunPosition& position);

  Parts parts_;
  std::int64_t saved_step_;
  std::int64_t tried_step_;  ///< the last one that was to be saved, successfully or not
  double seconds_ = 0;
};

}  // namespace convmae
