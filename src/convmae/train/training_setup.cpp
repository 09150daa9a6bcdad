#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/held_tensors.h"
#include "convmae/io/atomic_file.h"
#include "convmae/ops/compute_threads.h"
#include "convmae/ops/gemm.h"
#include "convmae/ops/precision.h"
#include "convmae/train/batches.h"
#include "convmae/train/finite.h"
#include "convmae/train/opened_images.h"
#include "convmae/train/run/environment.h"
#include "convmae/train/run/run_setup.h"
#include "convmae/train/run/set_aside.h"
#include "convmae/train/training_run.h"

#include <ATen/ATen.h>

#include <utility>
#include <vector>

namespace convmae {
namespace {

/// Images as a loader delivers them.
class LoadedBatches : public BatchStream {
 public:
  explicit LoadedBatches(std::unique_ptr<Loader> loader) : loader_(std::move(loader)) {}
  std::optional<Batch> next() override { return loader_->next(); }
  double seconds_waited() const override { return loader_->seconds_waited(); }

 private:
  std::unique_ptr<Loader> loader_;
};

}  // namespace

TrainingRun::TrainingRun(TrainingOptions& options, const RunContext& context)
    : options_(options),
      context_(context),
      console_(standard_error()),
      guard_(options.max_skipped_steps) {}

void TrainingRun::start() {
  if (options_.resume.empty()) {
    begin();
  } else {
    resume();
  }
}

void TrainingRun::begin() {
  settle_options();
  if (options_.data.empty()) throw UserError("--data is missing: give a folder of images");
  if (options_.out.empty()) {
    throw UserError("--out is missing: give a directory for the run's files");
  }
  require_writable_directory(options_.out);  // long before it is made: images are looked at first
  open_images();
  plan_epochs();
  build();
  position_.epoch = initialise_model();
  if (!options_.init.empty()) require_finite_weights(model(), options_.init);
  position_.global_step = position_.epoch * plan_->steps_per_epoch();
  saved_step_ = position_.global_step;
  interrupt_.emplace();
  directory_.emplace(RunDirectory::create(options_.out, options_.overwrite));
  store_.emplace(paths().checkpoints(), options_.keep_last);
  write_file_atomically(paths().config(), config_text(command(), context_.settings()));
  log_.emplace(paths(), header());
}

void TrainingRun::resume() {
  const ResumePlace place = place_to_resume(options_.resume);
  const bool goes_back = !place.checkpoint.empty();
  directory_.emplace(RunDirectory::open(place.run));
  store_.emplace(paths().checkpoints(), options_.keep_last);
  std::vector<CheckpointStore::PassedOver> passed_over;
  TrainingState state;
  const auto look_at = [&](const CheckpointFile& candidate) {
    state = training_state(candidate);
    expect_model(WeightFile(candidate.path()), candidate.info());
  };
  std::unique_ptr<CheckpointFile> file = goes_back
                                             ? CheckpointStore::open(place.checkpoint, look_at)
                                             : store_->open_newest(passed_over, look_at);
  // Arithmetic that was not asked for stays as it was, also on another machine.
  if (options_.gemm == "auto" && options_.precision == state.precision) {
    options_.gemm = state.gemm;
  }
  if (options_.threads == 0) options_.threads = state.threads;
  settle_options();
  if (options_.gemm != state.gemm || options_.threads != state.threads ||
      options_.precision != state.precision) {
    say("warning: the run had --gemm " + state.gemm + " --threads " +
        std::to_string(state.threads) + " --precision " + state.precision +
        "; with others it continues, but not with the same last bits");
  }
  open_images();
  check_identity(state.identity, identity_);
  plan_epochs();
  check_model(file->info(), describe({}));
  build();
  const auto restore = [&](const CheckpointFile& candidate) {
    state = training_state(candidate);
    check_position(state.position, plan_->steps_per_epoch(), candidate.path());
    restore_training_checkpoint(candidate, model(), optimizer(), further_state());
  };
  try {
    restore(*file);
  } catch (const UserError& error) {
    if (goes_back) throw;
    passed_over.push_back({file->path(), error.what()});
    file = store_->open_newest(passed_over, restore);
    check_identity(state.identity, identity_);
    check_model(file->info(), describe({}));
  }
  for (const auto& [checkpoint, reason] : passed_over) {
    say("warning: " + reason + "; passing it over");
  }
  position_ = state.position;
  guard_.restore(position_.skipped, position_.skipped_in_a_row);
  if (epochs_done() > options_.epochs) {
    throw UserError("the run has done " + std::to_string(epochs_done()) +
                    " epochs already, found --epochs " + std::to_string(options_.epochs) +
                    ": give at least as many");
  }
  saved_step_ = position_.global_step;
  interrupt_.emplace();
  known_bad_ = listed_bad_samples(paths().bad_samples());
  if (goes_back) keep_what_is_later();
  store_->remove_after(saved_step_);
  adopt_scores(file->trainer());
  store_->added();
  // Without its look the epoch is still to be ended.
  if (epoch_done() && store_->was_looked_at(saved_step_) &&
      (store_->score(saved_step_) || !evaluates(end_of_epoch(Stop::none)))) {
    next_epoch();
  }
  write_file_atomically(paths().config(), config_text(command(), context_.settings()));
  log_.emplace(
      paths(), position_.global_step, position_.epoch, event_step(fractional_epoch_now()),
      nlohmann::ordered_json{{"step", position_.global_step}, {"command", context_.command}});
  say("continues " + printable(paths().root.string()) + " after step " +
      std::to_string(position_.global_step) + " (epoch " + std::to_string(position_.epoch + 1) +
      " of " + std::to_string(options_.epochs) + ")");
}

void TrainingRun::keep_what_is_later() {
  const std::filesystem::path folder =
      set_aside(paths(), saved_step_, store_->later_than(saved_step_));
  if (folder.empty()) return;
  say("goes back to step " + std::to_string(saved_step_) +
      "; what the run has done after it is kept in " + quote(folder.string()));
}

void TrainingRun::adopt_scores(const nlohmann::ordered_json& trainer) {
  // Without held-out images they ranked checkpoints by the training loss.
  if (options_.eval_data.empty()) return;
  const auto number = [&](const char* key) {
    const auto found = trainer.find(key);
    return found != trainer.end() && found->is_number() ? std::optional(found->get<double>())
                                                        : std::nullopt;
  };
  if (const auto best = number("best_score")) store_->adopt_best(*best);
  if (const auto score = number("score")) store_->looked_at(saved_step_, score);
}

void TrainingRun::settle_options() {
  check_options();
  use_compute_threads(options_.threads);
  set_gemm_backend(parse_gemm_backend(options_.gemm), parse_precision(options_.precision));
}

void TrainingRun::open_images() {
  source_ = needs_classes() ? opened_labelled_images(options_.data, Split::train, "--data",
                                                     most_left_out(options_))
                            : opened_images(options_.data, Split::train);
  identity_ = identity_of(options_, *source_);
  open_data();
}

void TrainingRun::plan_epochs() {
  const std::int64_t batches = source_->size() / options_.batch_size;
  if (batches == 0) {
    throw UserError("an epoch would have no step: " + quote(options_.data) + " has " +
                    std::to_string(source_->size()) + " images, a batch takes " +
                    std::to_string(options_.batch_size) +
                    ": choose a smaller --batch_size or give more images");
  }
  plan_.emplace(batches, options_.accum_iter);
  schedule_ = {.lr = options_.peak_lr(),
               .min_lr = options_.min_lr,
               .warmup_epochs = *options_.warmup_epochs,
               .epochs = static_cast<double>(options_.epochs)};
}

void TrainingRun::open_stream() {
  const bool ended = epoch_done();
  batches_ = open_batches(position_.epoch + (ended ? 1 : 0),
                          ended ? 0 : plan_->first_batch(position_.step));
}

void TrainingRun::build() {
  build_model();
  model().train();
  for (const ParamGroup& group : optimizer().groups()) {
    for (const at::Tensor& param : group.params) parameters_ += param.numel();
  }
}

std::unique_ptr<BatchStream> TrainingRun::load_batches(TransformConfig transform,
                                                       std::int64_t epoch, std::int64_t batch) {
  return std::make_unique<LoadedBatches>(training_loader(
      options_, source_, std::move(transform), epoch, batch,
      [this](const BadSample& bad) { note_bad_sample(bad, "replaced"); },
      [this](const std::string& hint) { note_hint(hint); }));
}

CheckpointInfo TrainingRun::describe(nlohmann::ordered_json provenance) const {
  return {options_.model_config, preprocessing_of(options_), std::move(provenance), task()};
}

nlohmann::ordered_json TrainingRun::header() const {
  nlohmann::ordered_json json;
  for (const auto& [name, value] : environment()) json[name] = value;
  json["gemm"] = options_.gemm;
  json["precision"] = options_.precision;
  json["command"] = context_.command;
  const nlohmann::ordered_json own = further_header();
  for (const auto& [key, value] : own.items()) json[key] = value;
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
