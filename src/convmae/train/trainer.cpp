#include "convmae/train/trainer.h"

#include "convmae/base/error.h"
#include "convmae/dist/gradient_reducer.h"
#include "convmae/optim/gradients.h"
#include "convmae/train/step_numbers.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>
#include <vector>

namespace convmae {

struct Trainer::Pass {
  /// A step that has been handed to the device.
  struct Step {
    double epoch = 0;
    double lr = 0;
    std::int64_t batches = 0;
    std::int64_t images = 0;
    double waited = 0;  ///< seconds without data
    StepNumbers numbers = {};
  };

  const TrainingPlan& plan;
  const Limits& limits;
  Task& task;
  std::span<Observer* const> observers;
  RunPosition position;
  StepGuard guard{plan.max_skipped_steps};
  Throughput throughput{limits.seconds};
  std::unique_ptr<BatchStream> batches = nullptr;
  Outcome outcome = {};
  std::optional<Step> outstanding = {};         ///< the last one, if observers have not heard of it
  std::optional<GradientReducer> reducer = {};  ///< where several processes train together
  /// What these have agreed upon after the last step.
  bool signalled_together = false;
  bool late_together = false;

  std::int64_t total_steps() const {
    return plan.total_steps > 0 ? plan.total_steps : plan.epochs * plan.steps.steps_per_epoch();
  }
  bool finished() const { return position.global_step >= total_steps(); }
  bool epoch_done() const { return position.step == plan.steps.steps_per_epoch(); }
  bool evaluation_due() const {
    return finished() || plan.evaluation.due(position, plan.steps.steps_per_epoch());
  }
  double epoch_at(std::int64_t step) const {
    const std::int64_t all = plan.steps.batches_per_epoch();
    return fractional_epoch(position.epoch, std::min(plan.steps.first_batch(step), all), all);
  }

  /// The learning rate of a step of the epoch.
  double lr_of(std::int64_t step) const {
    if (plan.total_steps == 0) return plan.schedule.at(epoch_at(step));
    return plan.schedule.at(static_cast<double>(position.global_step - position.step + step));
  }

  double mean_lr() const {
    double sum = 0;
    for (std::int64_t step = 0; step < position.step; ++step) sum += lr_of(step);
    return sum / static_cast<double>(position.step);
  }

  /// Where training stood after the last step that observers have heard of.
  Moment moment() const {
    RunPosition known = position;
    if (outstanding) {
      --known.step;
      --known.global_step;
    }
    const bool done = known.step == plan.steps.steps_per_epoch();
    return {.position = known,
            .epoch = epoch_at(known.step),
            .epochs_done = known.epoch + (done ? 1 : 0),
            .epochs = plan.epochs,
            .steps_per_epoch = plan.steps.steps_per_epoch(),
            .steps = total_steps(),
            .in_steps = plan.total_steps > 0,
            .speed = throughput.speed()};
  }

  /// Does what may fail while the run's state is whole.
  template <typename Work>
  void rescuing(const Work& work) {
    try {
      work();
    } catch (const std::exception&) {
      settle();
      for (Observer* const observer : observers) observer->rescue(moment());
      throw;
    }
  }

  /// Averages gradients over all processes from here on.
  void join_processes() {
    std::vector<std::pair<std::string, at::Tensor>> parameters;
    for (const auto& item : task.module().named_parameters()) {
      if (item.value().requires_grad()) parameters.emplace_back(item.key(), item.value());
    }
    reducer.emplace(parameters, *plan.group);
  }

  void begin(const OpenBatches& open) {
    if (plan.group != nullptr) join_processes();
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
  void accumulate(Step& step) {
    task.optimizer().zero_grad();
    for (std::int64_t i = 0; i < step.batches; ++i) {
      if (i > 0 && plan.group == nullptr && limits.signalled()) throw Interrupted();
      rescuing([&] {
        const Batch batch = next_batch();
        explaining_memory(batch, [&] {
          const Loss loss = task.loss(batch);
          step.numbers.add(loss);
          step.images += batch.count;
          const at::Tensor share = loss.total / static_cast<double>(step.batches);
          if (reducer && i + 1 == step.batches) {
            reducer->backward(share);
          } else {
            share.backward();
          }
        });
      });
    }
  }

  /// Where a device has no memory left for a batch, says what it would have needed.
  template <typename Work>
  void explaining_memory(const Batch& batch, const Work& work) {
    try {
      work();
      return;
    } catch (const c10::OutOfMemoryError&) {
      if (plan.memory == nullptr) throw;
    }
    task.optimizer().zero_grad();
    const std::string text = memory_needed(*plan.memory, batch, [this](const Batch& part) {
      task.loss(part).total.backward();
      task.optimizer().zero_grad();
    });
    task.discard();
    throw UserError(text);
  }

  /// Makes what each process knows of a step the same for all.
  void agree(Step& step) {
    rescuing([&] {
      std::array<double, 4> counts{static_cast<double>(step.images), step.waited,
                                   limits.signalled() ? 1.0 : 0.0, is_late() ? 1.0 : 0.0};
      step.numbers.share(*plan.group, counts);
      step.images = static_cast<std::int64_t>(counts[0]);
      step.waited = counts[1] / static_cast<double>(plan.group->size());
      signalled_together = counts[2] > 0;
      late_together = counts[3] > 0;
    });
  }

  void take_step() {
    const double epoch = epoch_at(position.step);
    Step step{
        .epoch = epoch, .lr = lr_of(position.step), .batches = plan.steps.batches(position.step)};
    const double waited_before = batches->seconds_waited();
    accumulate(step);
    step.waited = batches->seconds_waited() - waited_before;
    const std::vector<at::Tensor> gradients = task.optimizer().gradients();
    const at::Tensor norm = gradient_norm(gradients);
    step.numbers.finish(norm);
    if (plan.group != nullptr) agree(step);
    if (plan.reads_late) {
      take_unless_broken(step, gradients, norm);
      ++position.step;
      ++position.global_step;
      const std::optional<Step> earlier = std::exchange(outstanding, std::move(step));
      if (earlier) tell(*earlier);
      if (epoch_done() || someone_needs_model()) settle();
    } else {
      const StepValues values = step.numbers.read();
      const bool admitted = guard.admit(values.loss, values.grad_norm);
      take_or_leave(step, gradients, values, admitted);
      ++position.step;
      ++position.global_step;
      tell(step, values, admitted);
    }
  }

  void take_or_leave(const Step& step, const std::vector<at::Tensor>& gradients,
                     const StepValues& values, bool admitted) {
    if (admitted) {
      if (plan.clip_grad > 0) clip_gradients(gradients, values.grad_norm, plan.clip_grad);
      task.optimizer().step(step.lr);
      task.commit();
    } else {
      task.discard();
    }
    task.optimizer().zero_grad();
  }

  /// The same decided by the device.
  void take_unless_broken(const Step& step, const std::vector<at::Tensor>& gradients,
                          const at::Tensor& norm) {
    const at::Tensor admitted = step.numbers.are_finite();
    if (plan.clip_grad > 0) clip_gradients(gradients, norm, plan.clip_grad);
    task.optimizer().step_if(admitted, step.lr);
    task.commit_if(admitted);
    task.optimizer().zero_grad();
  }

  bool someone_needs_model() const {
    return std::ranges::any_of(observers, [this](const Observer* observer) {
      return observer->needs_model_after(position.global_step);
    });
  }

  bool someone_has_seen_enough() const {
    const bool enough = std::ranges::any_of(
        observers, [](const Observer* observer) { return observer->has_seen_enough(); });
    if (plan.group == nullptr) return enough;
    return std::ranges::any_of(plan.group->all(enough ? 1 : 0),
                               [](std::int64_t its) { return its != 0; });
  }

  /// Waits for the step that observers have not heard of, and tells them.
  void settle() {
    if (const std::optional<Step> last = std::exchange(outstanding, std::nullopt)) tell(*last);
  }

  void tell(const Step& step) {
    const StepValues values = step.numbers.read();
    tell(step, values, guard.admit(values.loss, values.grad_norm));
  }

  /// Tells observers of a step that was taken, or left out.
  void tell(const Step& step, const StepValues& values, bool admitted) {
    if (admitted) {
      position.loss_sum += values.loss / static_cast<double>(plan.batches_per_unit);
      position.loss_count += step.batches / plan.batches_per_unit;
    } else {
      ++position.skipped_in_epoch;
    }
    ++outcome.steps;
    outcome.skipped_at_end = admitted ? 0 : outcome.skipped_at_end + 1;
    position.skipped = guard.skipped();
    position.skipped_in_a_row = guard.in_a_row();
    throughput.add_step(step.images, step.waited);

    Moment now = moment();
    now.gave_up = guard.gave_up();
    const auto batches_of_step = static_cast<double>(step.batches);
    StepRecord record{.step = now.position.global_step,
                      .epoch = step.epoch,
                      .loss = values.loss / batches_of_step,
                      .lr = step.lr,
                      .grad_norm = values.grad_norm,
                      .skipped = !admitted,
                      .parts = values.parts};
    for (auto& [name, value] : record.parts) value /= batches_of_step;
    rescuing([&] {
      for (Observer* const observer : observers) observer->stepped(record, now);
    });
  }

  /// Whether one more step might not end in time.
  bool is_late() const {
    if (limits.max_seconds <= 0) return false;
    // One more step and what comes after the last one must fit, even if it takes longer than
    // before; and first, where it is due, an evaluation that is not the last one.
    double ending = 0;
    for (const Observer* const observer : observers) ending += observer->seconds_at_end();
    const double more = (evaluation_due() ? 2.5 : 1.5) * ending;
    return limits.seconds() + throughput.speed().seconds_per_step + 1 + more > limits.max_seconds;
  }

  std::optional<Ending> stop() const {
    const bool together = plan.group != nullptr;
    if (together ? signalled_together : limits.signalled()) return Ending::signal;
    if (together ? late_together : is_late()) return Ending::time_limit;
    return std::nullopt;
  }

  void save(const Moment& moment) {
    for (Observer* const observer : observers) observer->save(moment);
  }

  /// What was found belongs to what was saved, or the best model that was seen could not be had.
  void save_and_evaluate(bool last) {
    settle();
    Moment now = moment();
    now.last = last;
    now.evaluation_due = last || evaluation_due();
    now.mean_lr = mean_lr();
    save(now);
    rescuing([&] {
      Scores scores;
      for (Observer* const observer : observers) observer->evaluate(now, scores);
      for (Observer* const observer : observers) observer->evaluated(now, scores);
      if (!scores.values.empty()) outcome.values = std::move(scores.values);
    });
  }

  /// After a step: saves and evaluates if training pauses or ends here. Returns why it is to end
  /// before its plan, if it is.
  std::optional<Ending> pause() {
    const std::optional<Ending> ending = stop();
    // After a signal there may not be the time; a run that continues begins with the evaluation.
    if (ending == Ending::signal) return ending;
    if (!ending && !epoch_done() && !evaluation_due()) return ending;
    save_and_evaluate(ending.has_value() || finished());
    if (epoch_done()) {
      position.begin_next_epoch();
      throughput.begin_epoch();
    } else {
      throughput.resume();
    }
    if (finished()) return std::nullopt;
    return !ending && someone_has_seen_enough() ? Ending::no_better : ending;
  }

  void train(const OpenBatches& open, bool evaluated) {
    begin(open);
    throughput.begin_epoch();
    std::optional<Ending> ending;
    // Of a run that was stopped before its evaluation.
    if (position.step > 0 && (epoch_done() || !evaluated)) ending = pause();
    if (!ending && !finished() && someone_has_seen_enough()) ending = Ending::no_better;
    while (!ending && !finished()) {
      take_step();
      ending = guard.gave_up() ? Ending::gave_up : pause();
    }
    outcome.ending = ending.value_or(Ending::complete);
  }
};

Trainer::Trainer(TrainingPlan plan, Limits limits)
    : plan_(std::move(plan)), limits_(std::move(limits)) {}

Outcome Trainer::run(Task& task, const OpenBatches& open, std::span<Observer* const> observers,
                     const RunPosition& from, bool evaluated) {
  Pass pass{plan_, limits_, task, observers, from};
  pass.guard.restore(from.skipped, from.skipped_in_a_row);
  try {
    pass.train(open, evaluated);
  } catch (const Interrupted&) {
    pass.outcome.ending = Ending::signal;
  }
  if (pass.outcome.ending == Ending::signal) {
    pass.settle();
    Moment now = pass.moment();
    now.last = true;
    pass.save(now);
  }
  pass.outcome.position = pass.moment().position;
  return pass.outcome;
}

}  // namespace convmae
