#include "convmae/train/training_run.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/base/stopwatch.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/io/jsonl.h"
#include "convmae/optim/gradients.h"
#include "convmae/report/format.h"
#include "convmae/train/batches.h"
#include "convmae/train/failure.h"
#include "convmae/train/finite.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <utility>

namespace convmae {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// The name of the first value that is NaN or infinite, or nothing.
std::string not_finite_value(const nlohmann::ordered_json& values) {
  for (const auto& [key, value] : values.items()) {
    if (value.is_number_float() && !std::isfinite(value.get<double>())) return key;
  }
  return "";
}

}  // namespace

int TrainingRun::train() {
  try {
    refresh_report(RunStatus::running);
    Stop stop = Stop::none;
    try {
      open_stream();
      if (options_.resume.empty()) {
        look_first();
      } else {
        recall_first_look();
      }
      while (stop == Stop::none && position_.epoch < options_.epochs) stop = train_epoch();
      return finish(stop);
    } catch (const Interrupted&) {
      return finish(Stop::signal);
    }
  } catch (const std::exception& error) {
    report_failure(failure_text(error));
    throw;
  }
}

void TrainingRun::report_failure(const std::string& what) {
  console_.clear();
  ending_ = "Stopped by an error: " + what;
  refresh_report(RunStatus::failed);
}

TrainingRun::Stop TrainingRun::train_epoch() {
  constexpr double kReportInterval = 60;
  throughput_.begin_epoch();
  while (!epoch_done()) {
    const double lr = schedule_.at(fractional_epoch_now());
    take_step(lr);
    show_progress(lr);
    if (options_.save_every_steps > 0 && position_.global_step % options_.save_every_steps == 0) {
      save_checkpoint();
    }
    if (seconds_since(reported_) > kReportInterval) refresh_report(RunStatus::running);
    if (epoch_done()) break;
    if (const Stop stop = stop_reason(); stop != Stop::none) return stop;
  }
  const Stop stop = stop_reason();
  // After a signal there may not be the time; a run that continues begins with the look.
  if (stop != Stop::signal) end_epoch(end_of_epoch(stop));
  return stop;
}

TrainingRun::Moment TrainingRun::end_of_epoch(Stop stop) const {
  const std::int64_t done = position_.epoch + 1;
  return {done, done == options_.epochs || stop == Stop::time_limit};
}

bool TrainingRun::evaluates(const Moment& moment) const {
  return !options_.eval_data.empty() && moment.due(options_.eval_every_epochs);
}

Batch TrainingRun::next_batch() {
  std::optional<Batch> batch = batches_->next();
  TORCH_CHECK(batch && batch->epoch == position_.epoch, "the loader ended before the epoch");
  return std::move(*batch);
}

void TrainingRun::take_step(double lr) {
  const double epoch = fractional_epoch_now();
  const std::int64_t batches = plan_->batches(position_.step);
  const double waited_before = batches_->seconds_waited();
  std::int64_t images_seen = 0;
  double sum = 0;
  optimizer().zero_grad();
  for (std::int64_t i = 0; i < batches; ++i) {
    if (i > 0) interrupt_->check();
    save_on_error([&] {
      const Batch batch = next_batch();
      const at::Tensor batch_loss = loss(batch);
      sum += batch_loss.item<double>();
      images_seen += batch.count;
      (batch_loss / static_cast<double>(batches)).backward();
    });
  }

  const std::vector<at::Tensor> gradients = optimizer().gradients();
  const double norm = grad_norm(gradients);
  const bool admitted = guard_.admit(sum, norm);
  if (admitted) {
    if (options_.clip_grad > 0) clip_gradients(gradients, norm, options_.clip_grad);
    optimizer().step(lr);
    stepped();
    position_.loss_sum += sum;
    position_.loss_count += batches;
  } else {
    skipped();
    ++position_.skipped_in_epoch;
  }
  ++steps_;
  skipped_at_end_ = admitted ? 0 : skipped_at_end_ + 1;
  optimizer().zero_grad();
  position_.skipped = guard_.skipped();
  position_.skipped_in_a_row = guard_.in_a_row();
  ++position_.step;
  ++position_.global_step;

  const double mean = sum / static_cast<double>(batches);
  log_->add_step({.step = position_.global_step,
                  .epoch = epoch,
                  .loss = mean,
                  .lr = lr,
                  .grad_norm = norm,
                  .skipped = !admitted});
  recent_loss_.add(mean);
  throughput_.add_step(images_seen, batches_->seconds_waited() - waited_before);
  if (guard_.gave_up()) {
    const auto checkpoints = store_->newest_first();
    throw UserError("the loss or its gradient was not finite for " +
                    std::to_string(guard_.in_a_row()) + " steps in a row (at step " +
                    std::to_string(position_.global_step) +
                    "): lower --lr or --blr, set --clip_grad" +
                    (checkpoints.empty() ? ", and start again"
                                         : ", and continue from the last good checkpoint, " +
                                               quote(checkpoints.front().string())));
  }
}

TrainingRun::Stop TrainingRun::stop_reason() const {
  if (interrupt_->signal() != 0) return Stop::signal;
  if (options_.max_minutes > 0) {
    // One more step and what comes after the last one must fit, even if it takes longer than
    // before.
    double looking = 0;
    for (const auto& [kind, seconds] : look_seconds_) looking += seconds;
    const double ending = 1 + 1.5 * (looking + 2 * saving_seconds_);
    const double end = seconds_since(begin_) + throughput_.seconds_per_step() + ending;
    if (end > options_.max_minutes * 60) return Stop::time_limit;
  }
  return Stop::none;
}

void TrainingRun::end_epoch(const Moment& moment) {
  const bool scheduled =
      options_.save_every_epochs > 0 && moment.epochs_done % options_.save_every_epochs == 0;
  // A score belongs to a checkpoint, or the best model that was seen could not be had.
  if (scheduled || moment.last || evaluates(moment)) save_checkpoint();
  look_and_note(moment, /*epoch_complete=*/true);
  next_epoch();
}

void TrainingRun::look_and_note(const Moment& moment, bool epoch_complete) {
  save_on_error([&] {
    const Look seen = look(moment);
    log_epoch(epoch_complete, seen);
    if (saved_step_ == position_.global_step) {
      store_->looked_at(saved_step_, seen.score, seen.scored_on);
    }
    if (!seen.values.empty()) not_finite_ = not_finite_value(seen.values);
  });
}

void TrainingRun::next_epoch() {
  ++position_.epoch;
  position_.step = 0;
  position_.loss_sum = 0;
  position_.loss_count = 0;
  position_.skipped_in_epoch = 0;
}

void TrainingRun::log_epoch(bool complete, const Look& seen) {
  nlohmann::ordered_json json;
  json["train_loss"] = position_.loss_sum / static_cast<double>(position_.loss_count);
  json["train_lr"] = mean_lr();
  const double now = fractional_epoch_now();
  for (const auto& [key, value] : seen.values.items()) {
    json[key] = value;
    if (value.is_number_float()) log_->add_scalar(key, value.get<double>(), now);
  }
  json["epoch"] = position_.epoch;
  json["n_parameters"] = parameters_;
  json["epochs_done"] = now;
  json["skipped_steps"] = position_.skipped_in_epoch;
  json["seconds"] = throughput_.epoch_seconds();
  json["images_per_second"] = throughput_.epoch_images_per_second();
  json["data_share"] = throughput_.epoch_wait_share();
  if (!complete) json["incomplete"] = true;
  log_->add_epoch(json);

  std::string text =
      "epoch " + format_number(now) + "/" + std::to_string(options_.epochs) + "  loss " +
      format_fixed(json["train_loss"].is_number() ? json["train_loss"].get<double>() : 0, 4);
  for (const std::string& remark : seen.remarks) text += "  " + remark;
  text += "  " + format_number(throughput_.epoch_images_per_second(), 3) + " images/s  waiting " +
          format_share(throughput_.epoch_wait_share());
  if (position_.skipped_in_epoch > 0) {
    text += "  skipped " + std::to_string(position_.skipped_in_epoch) + " steps";
  }
  say(text);
}

void TrainingRun::show_progress(double lr) {
  double eta = throughput_.seconds_per_step() * static_cast<double>(steps_left());
  if (options_.max_minutes > 0) {
    eta = std::min(eta, options_.max_minutes * 60 - seconds_since(begin_));
  }
  console_.update({.epoch = position_.epoch + 1,
                   .epochs = options_.epochs,
                   .step = position_.step,
                   .steps = plan_->steps_per_epoch(),
                   .loss = recent_loss_.median(),
                   .loss_mean = position_.loss_count > 0
                                    ? position_.loss_sum / static_cast<double>(position_.loss_count)
                                    : recent_loss_.median(),
                   .lr = lr,
                   .images_per_second = throughput_.images_per_second(),
                   .data_share = throughput_.wait_share(),
                   .eta_seconds = eta});
}

ImageReading TrainingRun::reading_of_all(std::int64_t total, const std::string& what) {
  const auto progress = std::make_shared<ImageProgress>(console_, total, what);
  ImageReading reading = reading_of(options_);
  reading.progress = [this, progress](std::int64_t done) {
    progress->update(done);
    interrupt_->check();
  };
  reading.report_bad = [this](const BadSample& bad) { note_bad_sample(bad, "left out"); };
  reading.hint = [this](const std::string& hint) { note_hint(hint); };
  return reading;
}

bool TrainingRun::refresh_report(RunStatus status) {
  reported_ = Clock::now();
  try {
    write_report(status, ending_);
    return true;
  } catch (const std::exception& error) {
    say("warning: the report could not be written: " + std::string(error.what()));
    return false;
  }
}

void TrainingRun::note_bad_sample(const BadSample& bad, const std::string& done) {
  const std::string name = as_utf8(bad.name);  // as the list gives it back
  if (!known_bad_.insert(name).second) return;
  say("warning: " + done + " " + printable(name) + ": " + printable(bad.error));
  JsonlWriter(paths().bad_samples())
      .append({{"sample", bad.sample}, {"name", name}, {"error", bad.error}});
}

void TrainingRun::note_hint(const std::string& hint) {
  if (!std::exchange(has_hinted_, true)) say("warning: " + hint);
}

CheckpointInfo TrainingRun::checkpoint_info() const {
  nlohmann::ordered_json provenance = header();
  provenance["seed"] = options_.seed;
  provenance["epoch"] = epochs_done();
  provenance["step"] = position_.global_step;
  return describe(std::move(provenance));
}

void TrainingRun::save_checkpoint() {
  if (saved_step_ == position_.global_step) return;
  const Stopwatch watch(saving_seconds_);
  const TrainingState state{position_, identity_, options_.gemm, options_.threads,
                            options_.precision};
  log_->sync();  // the steps that it counts on
  save_training_checkpoint(store_->path_of(position_.global_step), model(), optimizer(),
                           checkpoint_info(), state, further_state());
  saved_step_ = position_.global_step;
  store_->added();
}

void TrainingRun::save_on_error(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception&) {
    try {
      save_checkpoint();
    } catch (const std::exception& error) {
      say("warning: no checkpoint could be saved: " + std::string(error.what()));
    }
    throw;
  }
}

void TrainingRun::write_weights(const std::filesystem::path& path, const CheckpointInfo& info) {
  save_weights(path, model(), info);
}

void TrainingRun::require_trained() {
  const auto refuse = [](const std::string& reason) {
    throw UserError("the run ends without a trained model: " + reason +
                    "; lower --lr or --blr, set --clip_grad, and start again");
  };
  if (2 * skipped_at_end_ > steps_) {
    refuse("the last " + std::to_string(skipped_at_end_) + " of " + std::to_string(steps_) +
           " steps were skipped, as their loss or gradient was not finite");
  }
  if (!not_finite_.empty()) refuse(not_finite_ + " of held-out images is not finite");
  if (!has_finite_weights(model())) refuse("its weights hold NaN or infinity");
}

int TrainingRun::finish(Stop stop) {
  if (stop == Stop::signal) {
    save_checkpoint();
    ending_ = "Stopped by a signal after step " + std::to_string(position_.global_step) + ".";
    const bool reported = refresh_report(RunStatus::interrupted);
    console_.clear();
    if (context_.json) {
      print_summary(interrupt_->signal(), reported);
    } else if (store_->newest_first().empty()) {
      std::cout << "stopped before the first step: start again with the same command" << std::endl;
    } else {
      std::cout << "stopped after step " << position_.global_step << "; continue with: convmae "
                << command() << " --resume " << shell_word(paths().root.string()) << std::endl;
    }
    return 128 + interrupt_->signal();
  }
  if (stop == Stop::time_limit && position_.epoch < options_.epochs) {
    ending_ = "Stopped at the time limit of " + format_number(options_.max_minutes) +
              " minutes, before the schedule's end.";
    save_checkpoint();
    if (position_.step > 0) {
      look_and_note({position_.epoch, /*last=*/true}, /*epoch_complete=*/false);
    }
  }
  require_trained();
  write_weights(paths().weights(), checkpoint_info());
  const bool reported = refresh_report(RunStatus::finished);
  console_.clear();
  if (context_.json) {
    print_summary(0, reported);
    return 0;
  }
  if (!ending_.empty()) std::cout << ending_ << '\n';
  std::cout << "weights: " << printable(paths().weights().string());
  if (reported) std::cout << "\nreport: " << printable(paths().report().string());
  std::cout << std::endl;
  return 0;
}

void TrainingRun::print_summary(int signal, bool reported) const {
  using Json = nlohmann::ordered_json;
  const auto checkpoints = store_->newest_first();
  const auto& epochs = log_->epochs();
  const Json json{
      {"run", paths().root.string()},
      {"signal", signal == 0 ? Json() : Json(signal)},
      {"note", ending_.empty() ? Json() : Json(ending_)},
      {"step", position_.global_step},
      {"epochs_done", epochs_done()},
      {"epochs", options_.epochs},
      {"last_epoch", epochs.empty() ? Json() : epochs.back()},
      {"checkpoint", checkpoints.empty() ? Json() : Json(checkpoints.front().string())},
      {"weights", signal == 0 ? Json(paths().weights().string()) : Json()},
      {"report", reported ? Json(paths().report().string()) : Json()},
  };
  std::cout << json_text(json, 2) << std::endl;
}

double TrainingRun::fractional_epoch_now() const {
  const std::int64_t batch =
      std::min(plan_->first_batch(position_.step), plan_->batches_per_epoch());
  return fractional_epoch(position_.epoch, batch, plan_->batches_per_epoch());
}

double TrainingRun::mean_lr() const {
  double sum = 0;
  for (std::int64_t step = 0; step < position_.step; ++step) {
    sum += schedule_.at(
        fractional_epoch(position_.epoch, plan_->first_batch(step), plan_->batches_per_epoch()));
  }
  return sum / static_cast<double>(position_.step);
}

std::int64_t TrainingRun::steps_left() const {
  return options_.epochs * plan_->steps_per_epoch() - position_.global_step;
}

}  // namespace convmae
