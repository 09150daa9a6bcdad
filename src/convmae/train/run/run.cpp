#include "convmae/train/run/run.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/atomic_file.h"
#include "convmae/report/format.h"
#include "convmae/train/failure.h"
#include "convmae/train/finite.h"
#include "convmae/train/opened_images.h"
#include "convmae/train/run/bad_sample_observer.h"
#include "convmae/train/run/checkpoint_observer.h"
#include "convmae/train/run/console_observer.h"
#include "convmae/train/run/environment.h"
#include "convmae/train/run/log_observer.h"
#include "convmae/train/run/patience_observer.h"
#include "convmae/train/run/run_setup.h"
#include "convmae/train/step_images.h"

#include <exception>
#include <functional>

namespace convmae {
namespace {

std::int64_t batches_per_epoch(const TrainingOptions& options, const ImageSource& source) {
  const std::int64_t images = epoch_images(options, source.size());
  if (images == 0) {
    throw UserError("an epoch would have no step: " + quote(options.data) + " has " +
                    std::to_string(source.size()) + " images, a batch takes " +
                    std::to_string(options.unit) +
                    ": choose a smaller --batch_size or give more images");
  }
  return images / options.shared_batch();
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
      group_(context.group),
      console_(standard_error()) {
  if (group_ != nullptr) {
    options_.world_size = group_->size();
    options_.rank = group_->rank();
  }
  std::optional<RunIdentity> before;
  if (!options_.resume.empty()) {
    resumption_.emplace(options_.resume, options_.keep_last, expect, group_);
    resumption_->keep_arithmetic(options_);
    before = resumption_->identity();
  }
  const std::string arithmetic = settle_batches(options_, before, context_.typed);
  if (!arithmetic.empty()) say(arithmetic);
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
  compute_ = start_compute(options_, group_);
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
    if (is_first()) require_writable_directory(options_.out);
  }
  images_.emplace(options_, console_, group_, open());
  identity_ = identity_of(options_, *source());
  identity_.annotations = images_->annotations();
  if (group_ != nullptr) require_same_images();
}

void Run::require_same_images() const {
  const std::hash<std::string> digest;
  const std::vector<std::int64_t> all = group_->all(static_cast<std::int64_t>(
      digest(identity_.image_names + identity_.image_classes + identity_.annotations)));
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    if (all[rank] == all.front()) continue;
    throw UserError("process " + std::to_string(rank) + " has other images in " +
                    quote(options_.data) + " than process 0: give all of them the same");
  }
}

void Run::share_tensors() const {
  for (const auto& [name, tensor] :
       training_tensors(task_->module(), task_->optimizer(), task_->further_state())) {
    group_->broadcast(tensor);
  }
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
  if (group_ != nullptr) share_tensors();
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
  paths_.root = options_.out;
  if (!is_first()) {
    log_.emplace(header_);
    return;
  }
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
  paths_ = resumption_->paths();
  if (is_first()) {
    restore_files();
  } else {
    log_.emplace(header_);
  }
  if (group_ != nullptr) evaluated_ = group_->broadcast(evaluated_ ? "yes" : "") == "yes";
  // Without its evaluation the epoch is still to be ended.
  if (evaluated_ && position_.step == plan_->steps_per_epoch()) position_.begin_next_epoch();
  say("continues " + printable(paths().root.string()) + " after step " + std::to_string(step) +
      (options_.steps ? " of " + std::to_string(*options_.steps) : "") + " (epoch " +
      std::to_string(position_.epoch + 1) + " of " + std::to_string(options_.epochs) + ")");
}

void Run::restore_files() {
  const std::int64_t step = position_.global_step;
  directory_.emplace(std::move(resumption_->directory()));
  store_.emplace(resumption_->store());
  images_->list_bad_in(paths().bad_samples());
  if (const std::string text = resumption_->clear_later(); !text.empty()) say(text);
  // Without held-out images earlier versions ranked checkpoints by the training loss.
  if (!options_.eval_data.empty()) adopt_scores(*store_, resumption_->trainer(), step);
  store_->added();
  const bool scored =
      !options_.eval_data.empty() &&
      (step == total_steps() || options_.evaluation().due(position_, plan_->steps_per_epoch()));
  evaluated_ = store_->was_evaluated(step) && (store_->score(step) || !scored);
  const bool ended = evaluated_ && position_.step == plan_->steps_per_epoch();
  write_file_atomically(paths().config(), config_text(command_, context_.settings()));
  log_.emplace(paths(),
               RunLog::Place{.step = step,
                             .evaluated = evaluated_,
                             .epoch = position_.epoch + (ended ? 1 : 0),
                             .event_step = event_step(epoch_after(step))},
               nlohmann::ordered_json{{"step", step}, {"command", context_.command}});
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
  json["processes"] = options_.world_size;
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
    if (is_first()) report.refresh(RunStatus::running);
    return end(train_with(parts, report), parts, report);
  } catch (const std::exception& error) {
    if (!is_first()) throw;
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
  std::optional<CheckpointObserver> checkpoints;
  BadSampleObserver bad_samples(*images_);
  PatienceObserver patience(options_.patience, log_->epochs());
  std::vector<Observer*> observers = parts.observers;
  if (is_first()) {
    checkpoints.emplace(
        CheckpointObserver::Parts{
            .options = options_,
            .store = *store_,
            .log = *log_,
            .task = *task_,
            .identity = identity_,
            .info = [this](const RunPosition& position) { return checkpoint_info(position); },
            .say = [this](const std::string& text) { say(text); }},
        position_.global_step);
    observers.insert(observers.begin(), {&log, &console, &*checkpoints, &report});
    if (group_ != nullptr) observers.push_back(&bad_samples);
    observers.push_back(&patience);  // when the others have scored
  }
  const std::unique_ptr<DeviceMemory> memory = memory_of(compute_.device);
  Trainer trainer({.steps = *plan_,
                   .batches_per_unit = options_.unit / options_.shared_batch(),
                   .epochs = options_.epochs,
                   .total_steps = options_.steps.value_or(0),
                   .evaluation = options_.evaluation(),
                   .schedule = schedule_of(options_, plan_->steps_per_epoch()),
                   .clip_grad = options_.clip_grad,
                   .max_skipped_steps = options_.max_skipped_steps,
                   // What processes agree upon after a step they read at once.
                   .reads_late = !compute_.device.is_cpu() && group_ == nullptr,
                   .memory = memory.get(),
                   .group = group_},
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
