// How a run ends, and what it says then.
#include "convmae/base/cpu_clock.h"
#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/report/format.h"
#include "convmae/train/finite.h"
#include "convmae/train/run/run.h"
#include "convmae/train/run/run_result.h"

#include <algorithm>
#include <cmath>
#include <iostream>

namespace convmae {
namespace {

/// The name of the first value that is NaN or infinite, or nothing.
std::string not_finite_value(const nlohmann::ordered_json& values) {
  for (const auto& [key, value] : values.items()) {
    if (value.is_number_float() && !std::isfinite(value.get<double>())) return key;
  }
  return "";
}

/// Why a run is finished, for result.json.
const char* reason_of(Ending ending) {
  if (ending == Ending::time_limit) return "time_limit";
  return ending == Ending::no_better ? "no_better_score" : "schedule";
}

}  // namespace

int Run::end(const Outcome& outcome, const RunParts& parts, ReportObserver& report) {
  if (group_ == nullptr) return finish(outcome, parts, report);
  if (outcome.ending == Ending::signal) {
    interrupt_->adopt(std::ranges::max(group_->all(interrupt_->signal())));
  }
  int code = outcome.ending == Ending::signal ? 128 + interrupt_->signal() : 0;
  if (is_first()) {
    images_->hear_of_others();
    code = finish(outcome, parts, report);
  }
  group_->all(0);  // until the first has written everything
  return code;
}

int Run::finish(const Outcome& outcome, const RunParts& parts, ReportObserver& report) {
  if (outcome.ending == Ending::gave_up) give_up(outcome);
  if (outcome.ending == Ending::signal) return finish_stopped(outcome, report);
  if (outcome.ending == Ending::time_limit) {
    ending_ = "Stopped at the time limit of " + format_number(options_.max_minutes) +
              " minutes, before the schedule's end.";
  } else if (outcome.ending == Ending::no_better) {
    ending_ = "Stopped after " + std::to_string(options_.patience) +
              " evaluations without a better score, before the schedule's end.";
  }
  require_trained(outcome);
  const CheckpointInfo info = checkpoint_info(outcome.position);
  if (parts.write_weights) {
    parts.write_weights(paths().weights(), info);
  } else {
    save_weights(paths().weights(), task_->module(), info);
  }
  const bool reported = report.refresh(RunStatus::finished, ending_);
  note_result(RunStatus::finished, reason_of(outcome.ending));
  console_.clear();
  if (context_.json) {
    print_summary(outcome.position, 0, reported);
    return 0;
  }
  if (!ending_.empty()) std::cout << ending_ << '\n';
  std::cout << "weights: " << printable(paths().weights().string());
  if (reported) std::cout << "\nreport: " << printable(paths().report().string());
  std::cout << std::endl;
  return 0;
}

int Run::finish_stopped(const Outcome& outcome, ReportObserver& report) {
  const std::string step = std::to_string(outcome.position.global_step);
  ending_ = "Stopped by a signal after step " + step + ".";
  const bool reported = report.refresh(RunStatus::interrupted, ending_);
  note_result(RunStatus::interrupted, "signal");
  console_.clear();
  if (context_.json) {
    print_summary(outcome.position, interrupt_->signal(), reported);
  } else if (store_->newest_first().empty()) {
    std::cout << "stopped before the first step: start again with the same command" << std::endl;
  } else {
    std::cout << "stopped after step " << step << "; continue with: convmae " << command_
              << " --resume " << shell_word(paths().root.string()) << std::endl;
  }
  return 128 + interrupt_->signal();
}

void Run::note_result(RunStatus status, const std::string& reason) const {
  const std::int64_t step =
      log_->steps().empty() ? position_.global_step : log_->steps().back().step;
  RunResult result{.status = status,
                   .reason = reason,
                   .note = ending_,
                   .signal = status == RunStatus::interrupted ? interrupt_->signal() : 0,
                   .command = command_,
                   .step = step,
                   .steps = total_steps(),
                   .epochs_done = step / plan_->steps_per_epoch(),
                   .epochs = options_.epochs,
                   .last = {},
                   .best = {},
                   .seconds = seconds(),
                   .cpu_seconds = process_cpu_seconds()};
  const std::vector<nlohmann::ordered_json>& epochs = log_->epochs();
  if (!epochs.empty()) result.last = epochs.back();
  if (const std::optional<std::int64_t> best = store_->best()) {
    const std::string name = store_->path_of(*best).filename().string();
    result.best = {{"step", *best}, {"checkpoint", "checkpoints/" + name}};
    const double epoch = epoch_after(*best);  // earlier versions noted no step
    for (const nlohmann::ordered_json& line : epochs) {
      if (line.value("epochs_done", 0.0) == epoch) result.best.update(line);
    }
  }
  write_result(paths(), result);
}

void Run::give_up(const Outcome& outcome) const {
  const auto checkpoints = store_->newest_first();
  throw UserError("the loss or its gradient was not finite for " +
                  std::to_string(outcome.position.skipped_in_a_row) + " steps in a row (at step " +
                  std::to_string(outcome.position.global_step) +
                  "): lower --lr or --blr, set --clip_grad" +
                  (checkpoints.empty() ? ", and start again"
                                       : ", and continue from the last good checkpoint, " +
                                             quote(checkpoints.front().string())));
}

void Run::require_trained(const Outcome& outcome) const {
  const auto refuse = [](const std::string& reason) {
    throw UserError("the run ends without a trained model: " + reason +
                    "; lower --lr or --blr, set --clip_grad, and start again");
  };
  if (2 * outcome.skipped_at_end > outcome.steps) {
    refuse("the last " + std::to_string(outcome.skipped_at_end) + " of " +
           std::to_string(outcome.steps) +
           " steps were skipped, as their loss or gradient was not finite");
  }
  const std::string value = not_finite_value(outcome.values);
  if (!value.empty()) refuse(value + " of held-out images is not finite");
  if (!has_finite_weights(task_->module())) refuse("its weights hold NaN or infinity");
}

void Run::print_summary(const RunPosition& position, int signal, bool reported) const {
  using Json = nlohmann::ordered_json;
  const auto checkpoints = store_->newest_first();
  const auto& epochs = log_->epochs();
  const Json json{
      {"run", paths().root.string()},
      {"signal", signal == 0 ? Json() : Json(signal)},
      {"note", ending_.empty() ? Json() : Json(ending_)},
      {"step", position.global_step},
      {"steps", total_steps()},
      {"epochs_done", epochs_done(position)},
      {"epochs", options_.epochs},
      {"last_epoch", epochs.empty() ? Json() : epochs.back()},
      {"checkpoint", checkpoints.empty() ? Json() : Json(checkpoints.front().string())},
      {"weights", signal == 0 ? Json(paths().weights().string()) : Json()},
      {"report", reported ? Json(paths().report().string()) : Json()},
  };
  std::cout << json_text(json, 2) << std::endl;
}

}  // namespace convmae
