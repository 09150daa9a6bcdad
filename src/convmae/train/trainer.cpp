#include "convmae/train/trainer.h"

#include "convmae/optim/gradients.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

namespace convmae {
namespace {

/// Sums of a step's micro-batches.
struct StepSums {
  double loss = 0;
  std::int64_t images = 0;
  std::vector<std::pair<std::string, double>> parts;

  void add(const Loss& batch) {
    loss += batch.total.item<double>();
    for (const auto& [name, value] : batch.parts) {
      auto part = std::ranges::find(parts, name, &std::pair<std::string, double>::first);
      if (part == parts.end()) part = parts.insert(part, {name, 0.0});
      part->second += value.item<double>();
    }
  }
};

}  // namespace

struct Trainer::Pass {
  const TrainingPlan& plan;
  const Limits& limits;
  Task& task;
  std::span<Observer* const> observers;
  RunPosition position;
  StepGuard guard{plan.max_skipped_steps};
  Throughput throughput{limits.seconds};
  std::unique_ptr<BatchStream> batches = nullptr;
  Outcome outcome = {};

  bool epoch_done() const { return position.step == plan.steps.steps_per_epoch(); }
  double epoch_at(std::int64_t step) const {
    const std::int64_t all = plan.steps.batches_per_epoch();
    return fractional_epoch(position.epoch, std::min(plan.steps.first_batch(step), all), all);
  }

  double mean_lr() const {
    double sum = 0;
    for (std::int64_t step = 0; step < position.step; ++step) {
      sum += plan.schedule.at(epoch_at(step));
    }
    return sum / static_cast<double>(position.step);
  }

  Moment moment() const {
    return {.position = position,
            .epoch = epoch_at(position.step),
            .epochs_done = position.epoch + (epoch_done() ? 1 : 0),
            .epochs = plan.epochs,
            .steps_per_epoch = plan.steps.steps_per_epoch(),
            .speed = throughput.speed()};
  }

  /// Does what may fail while the run's state is whole.
  template <typename Work>
  void rescuing(const Work& work) {
    try {
      work();
    } catch (const std::exception&) {
      for (Observer* const observer : observers) observer->rescue(moment());
      throw;
    }
  }

  void begin(const OpenBatches& open) {
    const bool ended = epoch_done();
    batches =
        open(position.epoch + (ended ? 1 : 0), ended ? 0 : plan.steps.first_batch(position.step));
    for (Observer* const observer : observers) observer->begin(moment());
  }

  Batch next_batch() const {
    std::optional<Batch> batch = batches->next();
    TORCH_CHECK(batch && batch->epoch == position.epoch, "the loader ended before the epoch");
    return std::move(*batch);
  }

  /// Gradients of all micro-batches of the step.
  StepSums accumulate(std::int64_t count) {
    StepSums sums;
    task.optimizer().zero_grad();
    for (std::int64_t i = 0; i < count; ++i) {
      if (i > 0 && limits.signalled()) throw Interrupted();
      rescuing([&] {
        const Batch batch = next_batch();
        const Loss loss = task.loss(batch);
        sums.add(loss);
        sums.images += batch.count;
        (loss.total / static_cast<double>(count)).backward();
      });
    }
    return sums;
  }

  void take_step() {
    const double epoch = epoch_at(position.step);
    const double lr = plan.schedule.at(epoch);
    const std::int64_t count = plan.steps.batches(position.step);
    const double waited_before = batches->seconds_waited();
    StepSums sums = accumulate(count);

    Optimizer& optimizer = task.optimizer();
    const std::vector<at::Tensor> gradients = optimizer.gradients();
    const double norm = grad_norm(gradients);
    const bool admitted = guard.admit(sums.loss, norm);
    if (admitted) {
      if (plan.clip_grad > 0) clip_gradients(gradients, norm, plan.clip_grad);
      optimizer.step(lr);
      task.commit();
      position.loss_sum += sums.loss;
      position.loss_count += count;
    } else {
      task.discard();
      ++position.skipped_in_epoch;
    }
    optimizer.zero_grad();
    ++outcome.steps;
    outcome.skipped_at_end = admitted ? 0 : outcome.skipped_at_end + 1;
    position.skipped = guard.skipped();
    position.skipped_in_a_row = guard.in_a_row();
    ++position.step;
    ++position.global_step;
    throughput.add_step(sums.images, batches->seconds_waited() - waited_before);

    const auto batches_of_step = static_cast<double>(count);
    for (auto& [name, value] : sums.parts) value /= batches_of_step;
    const StepRecord record{.step = position.global_step,
                            .epoch = epoch,
                            .loss = sums.loss / batches_of_step,
                            .lr = lr,
                            .grad_norm = norm,
                            .skipped = !admitted,
                            .parts = std::move(sums.parts)};
    Moment now = moment();
    now.gave_up = guard.gave_up();
    rescuing([&] {
      for (Observer* const observer : observers) observer->stepped(record, now);
    });
  }

  std::optional<Ending> stop() const {
    if (limits.signalled()) return Ending::signal;
    if (limits.max_seconds > 0) {
      // One more step and what comes after the last one must fit, even if it takes longer than
      // before.
      double ending = 0;
      for (const Observer* const observer : observers) ending += observer->seconds_at_end();
      const double end = limits.seconds() + throughput.speed().seconds_per_step + 1 + 1.5 * ending;
      if (end > limits.max_seconds) return Ending::time_limit;
    }
    return std::nullopt;
  }

  void save(const Moment& moment) {
    for (Observer* const observer : observers) observer->save(moment);
  }

  /// What was found belongs to what was saved, or the best model that was seen could not be had.
  void save_and_evaluate(bool last) {
    Moment now = moment();
    now.last = last;
    now.mean_lr = mean_lr();
    save(now);
    rescuing([&] {
      Scores scores;
      for (Observer* const observer : observers) observer->evaluate(now, scores);
      for (Observer* const observer : observers) observer->evaluated(now, scores);
      if (!scores.values.empty()) outcome.values = std::move(scores.values);
    });
  }

  /// Returns why training is to end, if it is.
  std::optional<Ending> train_epoch() {
    throughput.begin_epoch();
    while (!epoch_done()) {
      take_step();
      if (guard.gave_up()) return Ending::gave_up;
      if (epoch_done()) break;
      if (const std::optional<Ending> ending = stop()) return ending;
    }
    const std::optional<Ending> ending = stop();
    // After a signal there may not be the time; a run that continues begins with the evaluation.
    if (ending == Ending::signal) return ending;
    save_and_evaluate(ending.has_value() || position.epoch + 1 == plan.epochs);
    position.begin_next_epoch();
    return ending;
  }

  void train(const OpenBatches& open) {
    begin(open);
    std::optional<Ending> ending;
    while (!ending && position.epoch < plan.epochs) ending = train_epoch();
    if (position.epoch == plan.epochs) ending.reset();
    if (ending == Ending::time_limit && position.step > 0) save_and_evaluate(/*last=*/true);
    outcome.ending = ending.value_or(Ending::complete);
  }
};

Trainer::Trainer(TrainingPlan plan, Limits limits) : plan_(plan), limits_(std::move(limits)) {}

Outcome Trainer::run(Task& task, const OpenBatches& open, std::span<Observer* const> observers,
                     const RunPosition& from) {
  Pass pass{plan_, limits_, task, observers, from};
  pass.guard.restore(from.skipped, from.skipped_in_a_row);
  try {
    pass.train(open);
  } catch (const Interrupted&) {
    pass.outcome.ending = Ending::signal;
  }
  if (pass.outcome.ending == Ending::signal) {
    Moment now = pass.moment();
    now.last = true;
    pass.save(now);
  }
  pass.outcome.position = pass.position;
  return pass.outcome;
}

}  // namespace convmae
