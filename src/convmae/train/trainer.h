#pragma once

#include "convmae/dist/process_group.h"
#include "convmae/optim/schedule.h"
#include "convmae/train/accumulation.h"
#include "convmae/train/batch_stream.h"
#include "convmae/train/device_memory.h"
#include "convmae/train/evaluation_plan.h"
#include "convmae/train/observer.h"
#include "convmae/train/step_guard.h"
#include "convmae/train/task.h"
#include "convmae/train/throughput.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

namespace convmae {

/// How long and in which steps something is trained.
struct TrainingPlan {
  StepPlan steps{1, 1};
  /// Micro-batches in which a unit of the run's images comes (TrainingOptions::unit): losses are
  /// summed up by units, which stay the same where the number of processes does not.
  std::int64_t batches_per_unit = 1;
  std::int64_t epochs = 0;  ///< of which the last one may be begun only
  /// Steps of the run, where its length, and that of the schedule, is in steps; 0: in epochs.
  std::int64_t total_steps = 0;
  EvaluationPlan evaluation = {};
  LearningRateSchedule schedule;
  double clip_grad = 0;                ///< largest norm of the gradient; 0: no limit
  std::int64_t max_skipped_steps = 0;  ///< in a row; 0: never gives up
  /// For devices that the host does not wait for: they leave out steps that are not finite by
  /// themselves, and observers hear of a step when the next one is under way.
  bool reads_late = false;
  /// Of the device, where it has some of its own: what says how large a batch may be.
  DeviceMemory* memory = nullptr;
  /// The processes that train together, each on its own share of every micro-batch; null: this one
  /// is alone. Gradients and losses are means over all of them, and they end after the same step.
  /// Observers may be others in each; those that all have are called everywhere at the same time.
  ProcessGroup* group = nullptr;
};

/// What ends training before its plan does.
struct Limits {
  std::function<bool()> signalled;  ///< whether an orderly end is asked for
  std::function<double()> seconds;  ///< since the run began; only grows
  double max_seconds = 0;           ///< 0: no limit
};

enum class Ending { complete, time_limit, no_better, signal, gave_up };

/// How training ended.
struct Outcome {
  Ending ending = Ending::complete;
  RunPosition position;
  std::int64_t steps = 0;           ///< that this call took or skipped
  std::int64_t skipped_at_end = 0;  ///< of them, since the last one that was taken
  nlohmann::ordered_json values;    ///< of the last Scores that had any
};

/// Trains a task from a position to the end of the plan, a limit or an error: micro-batches,
/// accumulation, skipped steps, schedule. It touches no file and no console; observers do.
class Trainer {
 public:
  /// Throws UserError for a plan without steps.
  Trainer(TrainingPlan plan, Limits limits);

  /// `observers` are called in their order. `evaluated`: the model at `from` needs no evaluation;
  /// otherwise it is evaluated first if that is due, as always where an epoch is not over yet after
  /// its last step. Throws what task, batches or observers throw, after all observers were asked to
  /// rescue where the state of the run is whole.
  Outcome run(Task& task, const OpenBatches& open, std::span<Observer* const> observers,
              const RunPosition& from, bool evaluated = true);

 private:
  /// What `run` works with.
  struct Pass;

  TrainingPlan plan_;
  Limits limits_;
};

}  // namespace convmae
