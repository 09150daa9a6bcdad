#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/atomic_file.h"
#include "convmae/ops/gemm.h"
#include "convmae/train/batches.h"
#include "convmae/train/environment.h"
#include "convmae/train/handover.h"
#include "convmae/train/precision.h"
#include "convmae/train/pretrain_run.h"
#include "convmae/train/run_setup.h"
#include "convmae/train/weights.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <utility>

namespace convmae {

PretrainRun::PretrainRun(PretrainOptions& options, const RunContext& context)
    : options_(options),
      context_(context),
      console_(standard_error()),
      guard_(options.max_skipped_steps) {
  if (options_.resume.empty()) {
    begin();
  } else {
    resume();
  }
}

void PretrainRun::begin() {
  resolve(options_);
  validate(options_);
  if (options_.data.empty()) throw UserError("--data is missing: give a folder of images");
  if (options_.out.empty()) {
    throw UserError("--out is missing: give a directory for the run's files");
  }
  build_model();
  model_->initialise(options_.seed);
  if (options_.init_optimizer) {
    take_over(Handover(options_.init));
  } else if (!options_.init.empty()) {
    console_.message("init: " + initialise_from(options_.init, *model_).text());
  }
  open_data();
  position_.global_step = position_.epoch * plan_->steps_per_epoch();
  directory_.emplace(RunDirectory::create(options_.out, options_.overwrite));
  const RunPaths& paths = directory_->paths();
  store_.emplace(paths.checkpoints(), options_.keep_last);
  write_file_atomically(paths.config(), config_text("pretrain", context_.settings()));
  log_.emplace(paths, header());
  untrained_ = evaluate_held_out();
  first_top1_ = probe_features();
  if (first_top1_) {
    log_->extend_header("probe", {{"images", probe_->images()},
                                  {"classes", probe_->classes()},
                                  {"knn_top1_at_start", *first_top1_}});
    log_->add_scalar("knn_top1", *first_top1_, fractional_epoch_now());
  }
  if (untrained_) {
    log_->extend_header("val", {{"images", untrained_->images},
                                {"untrained_loss", untrained_->loss},
                                {"baseline_loss", untrained_->baseline}});
  }
  draw_panel(static_cast<double>(position_.epoch));
}

void PretrainRun::take_over(const Handover& handover) {
  console_.message("init: " + handover.restore(*model_, *optimizer_));
  position_.epoch = handover.epochs_done();
  if (position_.epoch >= options_.epochs) {
    throw UserError(quote(options_.init) + " has been trained for " +
                    std::to_string(position_.epoch) + " epochs, found --epochs " +
                    std::to_string(options_.epochs) + ": give more");
  }
}

void PretrainRun::resume() {
  directory_.emplace(RunDirectory::open(options_.resume));
  const RunPaths& paths = directory_->paths();
  store_.emplace(paths.checkpoints(), options_.keep_last);
  const std::unique_ptr<CheckpointFile> file = store_->open_newest(
      [this](const std::string& text) { console_.message("warning: " + text); });
  const TrainingState state = training_state(*file);
  // Arithmetic that was not asked for stays as it was, also on another machine.
  if (options_.gemm == "auto") options_.gemm = state.gemm;
  if (options_.threads == 0) options_.threads = state.threads;
  resolve(options_);
  validate(options_);
  if (options_.gemm != state.gemm || options_.threads != state.threads ||
      options_.precision != state.precision) {
    console_.message("warning: the run had --gemm " + state.gemm + " --threads " +
                     std::to_string(state.threads) + " --precision " + state.precision +
                     "; with others it continues, but not with the same last bits");
  }
  build_model();
  restore_training_checkpoint(*file, *model_, *optimizer_);
  position_ = state.position;
  guard_.restore(position_.skipped, position_.skipped_in_a_row);
  open_data();
  check_identity(state.identity,
                 {options_.seed, options_.batch_size, options_.accum_iter, source_->size()});
  if (position_.epoch > options_.epochs) {
    throw UserError("the run has done " + std::to_string(position_.epoch) +
                    " epochs already, found --epochs " + std::to_string(options_.epochs) +
                    ": give at least as many");
  }
  saved_step_ = position_.global_step;
  known_bad_ = listed_bad_samples(paths.bad_samples());
  store_->remove_after(position_.global_step);
  store_->added(position_.global_step, position_.is_best());
  write_file_atomically(paths.config(), config_text("pretrain", context_.settings()));
  log_.emplace(
      paths, position_.global_step, position_.epoch, event_step(fractional_epoch_now()),
      nlohmann::ordered_json{{"step", position_.global_step}, {"command", context_.command}});
  const nlohmann::ordered_json val = log_->header().value("val", nlohmann::ordered_json());
  if (val.is_object()) {
    untrained_ = Evaluation{val.value("images", std::int64_t{0}), val.value("untrained_loss", 0.0),
                            val.value("baseline_loss", 0.0)};
  }
  const nlohmann::ordered_json probe = log_->header().value("probe", nlohmann::ordered_json());
  if (probe_ && probe.is_object()) first_top1_ = probe.value("knn_top1_at_start", 0.0);
  console_.message("continues " + paths.root.string() + " after step " +
                   std::to_string(position_.global_step) + " (epoch " +
                   std::to_string(position_.epoch + 1) + " of " + std::to_string(options_.epochs) +
                   ")");
}

void PretrainRun::build_model() {
  at::set_num_threads(static_cast<int>(options_.threads));
  set_gemm_backend(parse_gemm_backend(options_.gemm));
  model_ = make_pretrain_model(options_.model_config);
  model_->set_compute_type(parse_precision(options_.precision));
  model_->train();
  optimizer_.emplace(weight_decay_groups(*model_, options_.weight_decay),
                     AdamWOptions{.beta1 = options_.beta1, .beta2 = options_.beta2});
  schedule_ = {.lr = options_.peak_lr(),
               .min_lr = options_.min_lr,
               .warmup_epochs = *options_.warmup_epochs,
               .epochs = static_cast<double>(options_.epochs)};
  for (const ParamGroup& group : optimizer_->groups()) {
    for (const at::Tensor& param : group.params) parameters_ += param.numel();
  }
}

void PretrainRun::open_data() {
  source_ = open_source(options_.data, Split::train);
  const std::int64_t batches = source_->size() / options_.batch_size;
  if (batches == 0) {
    throw UserError("an epoch would have no step: " + quote(options_.data) + " has " +
                    std::to_string(source_->size()) + " images, a batch takes " +
                    std::to_string(options_.batch_size) +
                    ": choose a smaller --batch_size or give more images");
  }
  plan_.emplace(batches, options_.accum_iter);
  TransformConfig transform = training_transform(options_);
  transform.fast_decode = options_.fast_decode;
  loader_ = training_loader(options_, source_, std::move(transform), position_.epoch,
                            plan_->first_batch(position_.step),
                            [this](const BadSample& bad) { note_bad_sample(bad); });
  if (!options_.eval_data.empty()) eval_source_ = open_source(options_.eval_data, Split::val);
  if (options_.probe_every > 0) probe_.emplace(options_);
  if (options_.panel_images > 0) {
    panel_ = std::make_unique<SamplePanel>(options_, eval_source_ ? *eval_source_ : *source_);
  }
}

nlohmann::ordered_json PretrainRun::header() const {
  nlohmann::ordered_json json;
  for (const auto& [name, value] : environment()) json[name] = value;
  json["gemm"] = options_.gemm;
  json["precision"] = options_.precision;
  json["command"] = context_.command;
  json["method"] = to_string(options_.model_config.method);
  json["model"] = options_.model;
  json["n_parameters"] = parameters_;
  json["data"] = source_->description();
  json["images"] = source_->size();
  json["images_per_step"] = options_.images_per_step();
  json["steps_per_epoch"] = plan_->steps_per_epoch();
  json["epochs"] = options_.epochs;
  json["lr"] = options_.peak_lr();
  return json;
}

}  // namespace convmae
