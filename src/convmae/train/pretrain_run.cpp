#include "convmae/train/pretrain_run.h"

#include "convmae/base/error.h"
#include "convmae/io/atomic_file.h"
#include "convmae/report/format.h"
#include "convmae/report/png.h"
#include "convmae/train/batches.h"
#include "convmae/train/environment.h"
#include "convmae/train/gradients.h"
#include "convmae/train/weights.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <utility>

namespace convmae {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

int PretrainRun::train() {
  const Evaluation* const before = untrained_ ? &*untrained_ : nullptr;
  if (before != nullptr) {
    console_.message("held-out images: " + std::to_string(before->images) + ", loss untrained " +
                     format_number(before->loss) + ", without learning " +
                     format_number(before->baseline));
  }
  if (first_top1_) {
    console_.message("nearest neighbours of " + std::to_string(probe_->images()) +
                     " images at the start: " + format_fixed(100 * *first_top1_, 1) + " %");
  }
  write_report_page(RunStatus::running);
  try {
    Stop stop = Stop::none;
    while (stop == Stop::none && position_.epoch < options_.epochs) stop = train_epoch();
    return finish(stop);
  } catch (const UserError& error) {
    report_failure(error.what());
    throw;
  }
}

void PretrainRun::report_failure(const std::string& what) {
  console_.clear();
  ending_ = "Stopped by an error: " + what;
  try {
    write_report_page(RunStatus::failed);
  } catch (const UserError&) {
    // The disk may be full, which is then what the caller hears of.
  }
}

PretrainRun::Stop PretrainRun::train_epoch() {
  constexpr double kReportInterval = 60;
  throughput_.begin_epoch();
  while (position_.step < plan_->steps_per_epoch()) {
    const double lr = schedule_.at(fractional_epoch_now());
    take_step(lr);
    show_progress(lr);
    const Stop stop = stop_reason();
    const bool epoch_done = position_.step == plan_->steps_per_epoch();
    const bool save =
        options_.save_every_steps > 0 && position_.global_step % options_.save_every_steps == 0;
    if (epoch_done) {
      end_epoch(stop);
      const bool save_epoch =
          options_.save_every_epochs > 0 && position_.epoch % options_.save_every_epochs == 0;
      if (save || save_epoch || position_.epoch == options_.epochs) save_checkpoint();
    } else if (save) {
      save_checkpoint();
    }
    if (seconds_since(reported_) > kReportInterval) write_report_page(RunStatus::running);
    if (stop != Stop::none) return stop;
    if (epoch_done) break;
  }
  return Stop::none;
}

void PretrainRun::take_step(double lr) {
  const double epoch = fractional_epoch_now();
  const Preprocessing preprocessing = preprocessing_of(options_);
  const std::int64_t batches = plan_->batches(position_.step);
  const double waited_before = loader_->seconds_waited();
  std::int64_t images_seen = 0;
  double loss = 0;
  optimizer_->zero_grad();
  for (std::int64_t i = 0; i < batches; ++i) {
    std::optional<Batch> batch;
    try {
      batch = loader_->next();
    } catch (const UserError&) {
      save_checkpoint();  // what was learned so far is not lost to a broken image
      throw;
    }
    TORCH_CHECK(batch && batch->epoch == position_.epoch, "the loader ended before the epoch");
    const at::Tensor images = images_of(*batch, preprocessing);
    const at::Tensor noise = mask_noise(options_.seed, static_cast<std::uint64_t>(batch->epoch),
                                        batch->global_indices, model_->noise_length());
    const PretrainOutput output = model_->forward(images, noise, Predict::removed);
    loss += output.loss.item<double>();
    images_seen += batch->count;
    (output.loss / static_cast<double>(batches)).backward();
  }

  const std::vector<at::Tensor> gradients = optimizer_->gradients();
  const double norm = grad_norm(gradients);
  const bool admitted = guard_.admit(loss, norm);
  if (admitted) {
    if (options_.clip_grad > 0) clip_gradients(gradients, norm, options_.clip_grad);
    optimizer_->step(lr);
    position_.loss_sum += loss;
    position_.loss_count += batches;
  } else {
    ++position_.skipped_in_epoch;
  }
  optimizer_->zero_grad();
  position_.skipped = guard_.skipped();
  position_.skipped_in_a_row = guard_.in_a_row();
  position_.score.reset();
  ++position_.step;
  ++position_.global_step;

  const double mean = loss / static_cast<double>(batches);
  log_->add_step({.step = position_.global_step,
                  .epoch = epoch,
                  .loss = mean,
                  .lr = lr,
                  .grad_norm = norm,
                  .skipped = !admitted});
  recent_loss_.add(mean);
  throughput_.add_step(images_seen, loader_->seconds_waited() - waited_before);
  if (guard_.gave_up()) {
    const auto checkpoints = store_->newest_first();
    throw UserError(
        "the loss or its gradient was not finite for " + std::to_string(guard_.in_a_row()) +
        " steps in a row (at step " + std::to_string(position_.global_step) +
        "): lower --lr or --blr, set --clip_grad" +
        (checkpoints.empty()
             ? ", and start again"
             : ", and continue from the last good checkpoint, " + checkpoints.front().string()));
  }
}

PretrainRun::Stop PretrainRun::stop_reason() const {
  if (interrupt_.signal() != 0) return Stop::signal;
  if (options_.max_minutes > 0) {
    // One more step and what comes after the last one must fit, even if it takes longer than
    // before.
    const double ending =
        1 + 1.5 * (evaluation_seconds_ + panel_seconds_ + probe_seconds_ + 2 * saving_seconds_);
    const double end = seconds_since(begin_) + throughput_.seconds_per_step() + ending;
    if (end > options_.max_minutes * 60) return Stop::time_limit;
  }
  return Stop::none;
}

void PretrainRun::end_epoch(Stop stop) {
  const std::int64_t done = position_.epoch + 1;
  const bool last = done == options_.epochs || stop == Stop::time_limit;
  std::optional<Evaluation> held_out;
  if (last || done % options_.eval_every_epochs == 0) held_out = evaluate_held_out();
  if (last || done % options_.panel_every_epochs == 0) draw_panel(static_cast<double>(done));
  std::optional<double> knn_top1;
  if (probe_ && (last || done % options_.probe_every == 0)) knn_top1 = probe_features();
  log_epoch(/*complete=*/true, held_out, knn_top1);

  if (held_out) {
    position_.score = held_out->loss;
  } else if (!eval_source_ && position_.loss_count > 0) {
    position_.score = position_.loss_sum / static_cast<double>(position_.loss_count);
  }
  if (position_.score && (!position_.best_score || *position_.score < *position_.best_score)) {
    position_.best_score = position_.score;
  }
  position_.epoch = done;
  position_.step = 0;
  position_.loss_sum = 0;
  position_.loss_count = 0;
  position_.skipped_in_epoch = 0;
}

std::optional<Evaluation> PretrainRun::evaluate_held_out() {
  if (!eval_source_) return std::nullopt;
  const Clock::time_point begin = Clock::now();
  const Evaluation result = evaluate(*model_, options_, eval_source_);
  evaluation_seconds_ = seconds_since(begin);
  return result;
}

std::optional<double> PretrainRun::probe_features() {
  if (!probe_) return std::nullopt;
  const Clock::time_point begin = Clock::now();
  const double top1 = probe_->top1(model_);
  probe_seconds_ = seconds_since(begin);
  return top1;
}

void PretrainRun::draw_panel(double epoch) {
  if (!panel_ || panel_->empty()) return;
  const Clock::time_point begin = Clock::now();
  const Picture picture = panel_->draw(*model_);
  const std::vector<std::uint8_t> png = encode_png(picture);
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "epoch-%07.2f.png", epoch);
  const std::filesystem::path directory = directory_->paths().panels();
  std::filesystem::create_directories(directory);
  write_file_atomically(directory / name.data(),
                        {reinterpret_cast<const char*>(png.data()), png.size()});
  log_->add_image("reconstructions", png, picture, epoch);
  panel_seconds_ = seconds_since(begin);
}

void PretrainRun::log_epoch(bool complete, const std::optional<Evaluation>& held_out,
                            std::optional<double> knn_top1) {
  nlohmann::ordered_json json;
  json["train_loss"] = position_.loss_sum / static_cast<double>(position_.loss_count);
  json["train_lr"] = mean_lr();
  if (held_out) json["val_loss"] = held_out->loss;
  if (knn_top1) json["knn_top1"] = *knn_top1;
  json["epoch"] = position_.epoch;
  json["n_parameters"] = parameters_;
  json["epochs_done"] = fractional_epoch_now();
  json["skipped_steps"] = position_.skipped_in_epoch;
  json["seconds"] = throughput_.epoch_seconds();
  json["images_per_second"] = throughput_.epoch_images_per_second();
  json["data_share"] = throughput_.epoch_wait_share();
  if (!complete) json["incomplete"] = true;
  log_->add_epoch(json);
  if (held_out) log_->add_scalar("val_loss", held_out->loss, fractional_epoch_now());
  if (knn_top1) log_->add_scalar("knn_top1", *knn_top1, fractional_epoch_now());

  std::string text =
      "epoch " + format_number(fractional_epoch_now()) + "/" + std::to_string(options_.epochs) +
      "  loss " +
      format_fixed(json["train_loss"].is_number() ? json["train_loss"].get<double>() : 0, 4);
  if (held_out) text += "  held-out " + format_fixed(held_out->loss, 4);
  if (knn_top1) text += "  kNN " + format_fixed(100 * *knn_top1, 1) + " %";
  text += "  " + format_number(throughput_.epoch_images_per_second(), 3) + " images/s  waiting " +
          format_share(throughput_.epoch_wait_share());
  if (position_.skipped_in_epoch > 0) {
    text += "  skipped " + std::to_string(position_.skipped_in_epoch) + " steps";
  }
  console_.message(text);
}

void PretrainRun::show_progress(double lr) {
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

void PretrainRun::write_report_page(RunStatus status) {
  RunReportContext context;
  context.title = "Pretraining " + to_string(options_.model_config.method) + " " + options_.model;
  context.status = status;
  context.note = ending_;
  context.settings = context_.settings();
  context.environment = environment();
  context.environment.emplace_back("gemm", options_.gemm);
  context.environment.emplace_back("precision", options_.precision);
  context.environment.emplace_back("command", context_.command);
  context.environment.emplace_back("data", source_->description());
  context.epochs = options_.epochs;
  context.untrained = untrained_;
  if (probe_ && first_top1_) {
    context.probe = ProbeContext{probe_->images(), probe_->classes(), *first_top1_};
  }
  context.normalised_targets = options_.model_config.norm_pix_loss;
  write_run_report(directory_->paths(), *log_, context);
  reported_ = Clock::now();
}

void PretrainRun::note_bad_sample(const BadSample& bad) {
  if (!known_bad_.insert(bad.name).second) return;
  console_.message("warning: replaced " + bad.name + ": " + bad.error);
  JsonlWriter(directory_->paths().bad_samples())
      .append({{"sample", bad.sample}, {"name", bad.name}, {"error", bad.error}});
}

void PretrainRun::save_checkpoint() {
  if (saved_step_ == position_.global_step) return;
  const Clock::time_point begin = Clock::now();
  const TrainingState state{
      position_,
      {options_.seed, options_.batch_size, options_.accum_iter, source_->size()},
      options_.gemm,
      options_.threads,
      options_.precision};
  save_training_checkpoint(store_->path_of(position_.global_step), *model_, *optimizer_,
                           checkpoint_info(), state);
  store_->added(position_.global_step, position_.is_best());
  saved_step_ = position_.global_step;
  saving_seconds_ = seconds_since(begin);
}

CheckpointInfo PretrainRun::checkpoint_info() const {
  nlohmann::ordered_json provenance = header();
  provenance["seed"] = options_.seed;
  provenance["epoch"] = position_.epoch;
  provenance["step"] = position_.global_step;
  return {options_.model_config, preprocessing_of(options_), std::move(provenance)};
}

int PretrainRun::finish(Stop stop) {
  const RunPaths& paths = directory_->paths();
  if (stop == Stop::signal) {
    save_checkpoint();
    ending_ = "Stopped by a signal after step " + std::to_string(position_.global_step) + ".";
    write_report_page(RunStatus::interrupted);
    console_.clear();
    std::cout << "stopped after step " << position_.global_step
              << "; continue with: convmae pretrain --resume " << paths.root.string() << std::endl;
    return 128 + interrupt_.signal();
  }
  if (stop == Stop::time_limit && position_.epoch < options_.epochs) {
    ending_ = "Stopped at the time limit of " + format_number(options_.max_minutes) +
              " minutes, before the schedule's end.";
    if (position_.step > 0) {
      const std::optional<Evaluation> held_out = evaluate_held_out();
      draw_panel(fractional_epoch_now());
      log_epoch(/*complete=*/false, held_out, probe_features());
    }
    save_checkpoint();
  }
  save_weights(paths.weights(), *model_, checkpoint_info());
  write_report_page(RunStatus::finished);
  console_.clear();
  if (!ending_.empty()) std::cout << ending_ << '\n';
  std::cout << "weights: " << paths.weights().string() << "\nreport: " << paths.report().string()
            << std::endl;
  return 0;
}

double PretrainRun::fractional_epoch_now() const {
  const std::int64_t batch =
      std::min(plan_->first_batch(position_.step), plan_->batches_per_epoch());
  return fractional_epoch(position_.epoch, batch, plan_->batches_per_epoch());
}

double PretrainRun::mean_lr() const {
  double sum = 0;
  for (std::int64_t step = 0; step < position_.step; ++step) {
    sum += schedule_.at(
        fractional_epoch(position_.epoch, plan_->first_batch(step), plan_->batches_per_epoch()));
  }
  return sum / static_cast<double>(position_.step);
}

std::int64_t PretrainRun::steps_left() const {
  return options_.epochs * plan_->steps_per_epoch() - position_.global_step;
}

}  // namespace convmae
