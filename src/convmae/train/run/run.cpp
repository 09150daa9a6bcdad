#include "convmae/train/run/run.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/atomic_file.h"
#include "convmae/report/format.h"
#include "convmae/train/failure.h"
#include "convmae/train/finite.h"
#include "convmae/train/opened_images.h"
#include "convmae/train/run/checkpoint_observer.h"
#include "convmae/train/run/console_observer.h"
#include "convmae/train/run/environment.h"
#include "convmae/train/run/log_observer.h"
#include "convmae/train/run/patience_observer.h"
#include "convmae/train/run/run_setup.h"

#include <exception>

namespace convmae {
namespace {

std::int64_t batches_per_epoch(const TrainingOptions& options, const ImageSource& source) {
  const std::int64_t batches = source.size() / options.batch_size;
  if (batches == 0) {
    throw UserError("an epoch would have no step: " + quote(options.data) + " has " +
                    std::to_string(source.size()) + " images, a batch takes " +
                    std::to_string(options.batch_size) +
                    ": choose a smaller --batch_size or give more images");
  }
  return batches;
}

/// What checkpoints of earlier versions say of their scores.
void adopt_scores(CheckpointStore& store, const nlohmann::ordered_json& trainer,
                  std::int64_t step) {
  const auto number = [&](const char* key) {
    const auto found = trainer.find(key);
    return found != trainer.end() && found->is_number() ? std::optional(found->get<double>())
                                                        : std::nullopt;
  };
  if (const auto best = number("best_score")) store.adopt_best(*best);
  if (const auto score = number("score")) store.evaluated(step, score);
}

}  // namespace

Run::Run(std::string command, TrainingOptions& options, const RunContext& context,
         const ExpectModel& expect)
    : command_(std::move(command)),
      options_(options),
      context_(context),
      console_(standard_error()) {
  if (options_.resume.empty()) return;
  resumption_.emplace(options_.resume, options_.keep_last, expect);
  resumption_->keep_arithmetic(options_);
}

double Run::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

void Run::open_images(bool needs_classes) {
  open_images([&] {
    return TrainingImages{needs_classes
                              ? opened_labelled_images(options_.data, Split::train,
                                                       options_.data_flag, most_left_out(options_))
                              : opened_images(options_.data, Split::train)};
  });
}

void Run::open_images(const std::function<TrainingImages()>& open) {
  compute_ = start_compute(options_);
  if (resumption_) {
    const std::string warning = resumption_->warning_of(options_);
    if (!warning.empty()) say(warning);
  } else {
    if (options_.data.empty()) {
      throw UserError(options_.data_flag + " is missing: give a folder of images");
    }
    if (options_.out.empty()) {
      throw UserError("--out is missing: give a directory for the run's files");
    }
    // Long before it is made: images are opened first.
    require_writable_directory(options_.out);
  }
  images_.emplace(options_, console_, open());
  identity_ = identity_of(options_, *source());
  identity_.annotations = images_->annotations();
}

void Run::set_kind(nlohmann::ordered_json kind) {
  kind_ = std::move(kind);
  if (resumption_) resumption_->check(identity_);
  plan_.emplace(batches_per_epoch(options_, *source()), options_.accum_iter);
  settle_length(options_, plan_->steps_per_epoch());
  if (resumption_) resumption_->check(describe({}));
}

void Run::start(Task& task, std::int64_t epochs, const nlohmann::ordered_json& further_header) {
  task_ = &task;
  task.module().train();
  for (const ParamGroup& group : task.optimizer().groups()) {
    for (const at::Tensor& param : group.params) parameters_ += param.numel();
  }
  header_ = header(further_header);
  if (resumption_) {
    restore();
  } else {
    start_new(epochs);
  }
}

void Run::start_new(std::int64_t epochs) {
  if (!options_.init.empty()) require_finite_weights(task_->module(), options_.init);
  position_.epoch = epochs;
  position_.global_step = epochs * plan_->steps_per_epoch();
  if (position_.global_step >= total_steps()) {
    throw UserError(quote(options_.init) + " has been trained for " + std::to_string(epochs) +
                    " epochs (" + std::to_string(position_.global_step) + " steps), found " +
                    length_flag() + ": give more");
  }
  interrupt_.emplace();
  directory_.emplace(RunDirectory::create(options_.out, options_.overwrite));
  store_.emplace(paths().checkpoints(), options_.keep_last);
  images_->list_bad_in(paths().bad_samples());
  write_file_atomically(paths().config(), config_text(command_, context_.settings()));
  log_.emplace(paths(), header_);
}

void Run::restore() {
  for (const std::string& warning :
       resumption_->restore(*task_, plan_->steps_per_epoch(), identity_, describe({}))) {
    say(warning);
  }
  position_ = resumption_->position();
  const std::int64_t step = position_.global_step;
  if (step > total_steps()) {
    const std::string done = options_.steps ? std::to_string(step) + " steps"
                                            : format_number(epoch_after(step)) + " epochs";
    throw UserError("the run has done " + done + " already, found " + length_flag() +
                    ": give at least as many");
  }
  interrupt_.emplace();
  directory_.emplace(std::move(resumption_->directory()));
  store_.emplace(resumption_->store());
  images_->list_bad_in(paths().bad_samples());
  if (const std::string text = resumption_->clear_later(paths()); !text.empty()) say(text);
  // Without held-out images earlier versions ranked checkpoints by the training loss.
  if (!options_.eval_data.empty()) adopt_scores(*store_, resumption_->trainer(), step);
  store_->added();
  const bool scored =
      !options_.eval_data.empty() &&
      (step == total_steps() || options_.evaluation().due(position_, plan_->steps_per_epoch()));
  evaluated_ = store_->was_evaluated(step) && (store_->score(step) || !scored);
  // Without its evaluation the epoch is still to be ended.
  if (evaluated_ && position_.step == plan_->steps_per_epoch()) position_.begin_next_epoch();
  write_file_atomically(paths().config(), config_text(command_, context_.settings()));
  log_.emplace(paths(),
               RunLog::Place{.step = step,
                             .evaluated = evaluated_,
                             .epoch = position_.epoch,
                             .event_step = event_step(epoch_after(step))},
               nlohmann::ordered_json{{"step", step}, {"command", context_.command}});
  say("continues " + printable(paths().root.string()) + " after step " + std::to_string(step) +
      (options_.steps ? " of " + std::to_string(*options_.steps) : "") + " (epoch " +
      std::to_string(position_.epoch + 1) + " of " + std::to_string(options_.epochs) + ")");
}

std::int64_t Run::epochs_done(const RunPosition& position) const {
  return position.epoch + (position.step == plan_->steps_per_epoch() ? 1 : 0);
}

std::int64_t Run::total_steps() const {
  return options_.steps.value_or(options_.epochs * plan_->steps_per_epoch());
}

std::string Run::length_flag() const {
  return options_.steps ? "--steps " + std::to_string(*options_.steps)
                        : "--epochs " + std::to_string(options_.epochs);
}

CheckpointInfo Run::describe(nlohmann::ordered_json provenance) const {
  return {options_.model_config, preprocessing_of(options_), std::move(provenance), kind_};
}

CheckpointInfo Run::checkpoint_info(const RunPosition& position) const {
  nlohmann::ordered_json provenance = header_;
  provenance["seed"] = options_.seed;
  provenance["epoch"] = epochs_done(position);
  provenance["step"] = position.global_step;
  return describe(std::move(provenance));
}

nlohmann::ordered_json Run::header(const nlohmann::ordered_json& further) const {
  nlohmann::ordered_json json;
  for (const auto& [name, value] : environment(compute_)) json[name] = value;
  json["gemm"] = options_.gemm;
  json["precision"] = options_.precision;
  json["command"] = context_.command;
  for (const auto& [key, value] : further.items()) json[key] = value;
  json["n_parameters"] = parameters_;
  json["data"] = source()->description();
  json["images"] = source()->size();
  json["images_per_step"] = options_.images_per_step();
  json["steps_per_epoch"] = plan_->steps_per_epoch();
  json["epochs"] = options_.epochs;
  json["steps"] = total_steps();
  json["lr"] = options_.peak_lr();
  return json;
}

RunFacts Run::facts(std::string title, RunStatus status, std::string note) const {
  RunFacts facts{.title = std::move(title),
                 .status = status,
                 .note = std::move(note),
                 .settings = context_.settings(),
                 .command = context_.command,
                 .data = source()->description(),
                 .machine = environment(compute_),
                 .epochs = options_.epochs,
                 .steps = options_.steps};
  facts.machine.emplace_back("gemm", options_.gemm);
  return facts;
}

ImageReading Run::reading_of_all(std::int64_t total, const std::string& what) {
  return images_->reading_of_all(total, what, [this] { interrupt_->check(); });
}

int Run::train(const RunParts& parts) {
  ReportObserver report(parts.write_report, [this](const std::string& text) { say(text); });
  try {
    report.refresh(RunStatus::running);
    return finish(train_with(parts, report), parts, report);
  } catch (const std::exception& error) {
    console_.clear();
    ending_ = "Stopped by an error: " + failure_text(error);
    report.refresh(RunStatus::failed, ending_);
    try {
      note_result(RunStatus::failed, "error");
    } catch (const std::exception& second) {
      say("warning: " + std::string(second.what()));
    }
    throw;
  }
}

Outcome Run::train_with(const RunParts& parts, ReportObserver& report) {
  const double max_seconds = options_.max_minutes * 60;
  const auto seconds = [this] { return this->seconds(); };
  LogObserver log(*log_, parameters_);
  ConsoleObserver console(console_, seconds, max_seconds);
  CheckpointObserver checkpoints(
      {.options = options_,
       .store = *store_,
       .log = *log_,
       .task = *task_,
       .identity = identity_,
       .info = [this](const RunPosition& position) { return checkpoint_info(position); },
       .say = [this](const std::string& text) { say(text); }},
      position_.global_step);
  PatienceObserver patience(options_.patience, log_->epochs());
  std::vector<Observer*> observers{&log, &console, &checkpoints, &report};
  observers.insert(observers.end(), parts.observers.begin(), parts.observers.end());
  observers.push_back(&patience);  // when the others have scored
  Trainer trainer({.steps = *plan_,
                   .epochs = options_.epochs,
                   .total_steps = options_.steps.value_or(0),
                   .evaluation = options_.evaluation(),
                   .schedule = schedule_of(options_, plan_->steps_per_epoch()),
                   .clip_grad = options_.clip_grad,
                   .max_skipped_steps = options_.max_skipped_steps,
                   .reads_late = !compute_.device.is_cpu()},
                  {.signalled = [this] { return interrupt_->signal() != 0; },
                   .seconds = seconds,
                   .max_seconds = max_seconds});
  return trainer.run(*task_, parts.open_batches, observers, position_, evaluated_);
}

double Run::epoch_after(std::int64_t step) const {
  const std::int64_t steps = plan_->steps_per_epoch();
  return fractional_epoch(step / steps, plan_->first_batch(step % steps),
                          plan_->batches_per_epoch());
}

}  // namespace convmae
