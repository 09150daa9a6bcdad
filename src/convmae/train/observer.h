#pragma once

#include "convmae/train/run_position.h"
#include "convmae/train/throughput.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

/// Leaves a step or an evaluation early because a signal arrived; no error. The trainer catches it
/// where nothing of the run's state is half done.
struct Interrupted {};

/// What is remembered of one optimizer step. Nothing here depends on the clock, so that an
/// interrupted and an uninterrupted run log the same lines.
struct StepRecord {
  std::int64_t step = 0;  ///< counted from 1 over the whole run
  double epoch = 0;       ///< fractional, at the step's first micro-batch
  double loss = 0;        ///< mean over the step's micro-batches
  double lr = 0;
  double grad_norm = 0;  ///< before clipping
  bool skipped = false;
  std::vector<std::pair<std::string, double>> parts = {};  ///< of the loss: means as well
};

/// Where training stands between two steps.
struct Moment {
  RunPosition position;
  double epoch = 0;              ///< what is done, in fractional epochs
  std::int64_t epochs_done = 0;  ///< whole ones
  std::int64_t epochs = 0;       ///< of the run; the last one may be begun only
  std::int64_t steps_per_epoch = 0;
  std::int64_t steps = 0;  ///< of the run
  bool in_steps = false;   ///< its length was given in them
  Speed speed;
  /// Mean learning rate of the epoch's steps; where training pauses.
  double mean_lr = 0;
  bool evaluation_due = false;  ///< of held-out images; where training pauses
  bool last = false;            ///< training ends here
  bool gave_up = false;         ///< and for too many skipped steps

  bool epoch_complete() const { return position.step == steps_per_epoch; }
  /// Mean loss of the epoch so far; NaN if no step of it was taken.
  double mean_loss() const { return position.loss_sum / static_cast<double>(position.loss_count); }
  std::int64_t steps_left() const { return steps - position.global_step; }
  /// Whether something that is done every so many epochs is due.
  bool due(std::int64_t every) const {
    return last || (epoch_complete() && epochs_done % every == 0);
  }
};

/// What was found about a model where training pauses.
struct Scores {
  /// For a line in the log; fractional numbers go to TensorBoard.
  nlohmann::ordered_json values = nlohmann::ordered_json::object();
  std::vector<std::string> remarks;  ///< for the console
  /// By which checkpoints are ranked, lower is better: what held-out images say.
  std::optional<double> score;
  /// The digest of these images: scores on others say nothing in comparison.
  std::string scored_on;
};

/// Hears how something is trained, and keeps what is to be kept of it. Training pauses where an
/// epoch or the run ends and where an evaluation is due: there all observers save, then all
/// evaluate, then all hear what was found. Any of them may throw: the others are then asked to
/// rescue, and training ends with what was thrown.
class Observer {
 public:
  virtual ~Observer() = default;

  /// Before the first step.
  virtual void begin(const Moment&) {}
  virtual void stepped(const StepRecord&, const Moment&) {}
  /// Whether `stepped` needs the model as it is after that step of the run. On a device that is not
  /// the CPU it hears of a step when the next one is under way, unless it says so here.
  virtual bool needs_model_after(std::int64_t /*step*/) const { return false; }
  /// What the model has learned is safe before it is evaluated.
  virtual void save(const Moment&) {}
  /// Evaluates what is due. May throw Interrupted.
  virtual void evaluate(const Moment&, Scores&) {}
  virtual void evaluated(const Moment&, const Scores&) {}
  /// Whether what was found so far is reason enough to end training.
  virtual bool has_seen_enough() const { return false; }
  /// An error is about to end training, whose state is whole. Does not throw.
  virtual void rescue(const Moment&) {}
  /// How long it took the last time what it does at the end of a run: a time limit leaves room.
  virtual double seconds_at_end() const { return 0; }
};

}  // namespace convmae
