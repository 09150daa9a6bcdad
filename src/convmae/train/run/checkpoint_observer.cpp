#include "convmae/train/run/checkpoint_observer.h"

#include "convmae/base/stopwatch.h"

#include <exception>

namespace convmae {

void CheckpointObserver::stepped(const StepRecord& record, const Moment& now) {
  if (needs_model_after(record.step) && !now.gave_up) write(now.position);
}

bool CheckpointObserver::needs_model_after(std::int64_t step) const {
  const std::int64_t every = parts_.options.save_every_steps;
  return every > 0 && step % every == 0;
}

void CheckpointObserver::save(const Moment& now) {
  const TrainingOptions& options = parts_.options;
  const bool scheduled = options.save_every_epochs > 0 && now.due(options.save_every_epochs);
  // A score belongs to a checkpoint, or the best model that was seen could not be had.
  const bool scored = now.evaluation_due && !options.eval_data.empty();
  if (scheduled || now.last || scored) write(now.position);
}

void CheckpointObserver::evaluated(const Moment& now, const Scores& scores) {
  if (saved_step_ == now.position.global_step) {
    parts_.store.evaluated(saved_step_, scores.score, scores.scored_on);
  }
}

void CheckpointObserver::rescue(const Moment& now) {
  if (tried_step_ == now.position.global_step) return;
  try {
    write(now.position);
  } catch (const std::exception& error) {
    parts_.say("warning: no checkpoint could be saved: " + std::string(error.what()));
  }
}

void CheckpointObserver::write(const RunPosition& position) {
  if (saved_step_ == position.global_step) return;
  tried_step_ = position.global_step;
  const Stopwatch watch(seconds_);
  const TrainingOptions& options = parts_.options;
  const TrainingState state{position,     parts_.identity, options.device,
                            options.gemm, options.threads, options.precision};
  parts_.log.sync();
  save_training_checkpoint(parts_.store.path_of(position.global_step), parts_.task.module(),
                           parts_.task.optimizer(), parts_.info(position), state,
                           parts_.task.further_state());
  saved_step_ = position.global_step;
  parts_.store.added();
}

}  // namespace convmae
