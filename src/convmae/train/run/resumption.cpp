#include "convmae/train/run/resumption.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/dist/process_group.h"
#include "convmae/train/run/run_result.h"
#include "convmae/train/run/run_setup.h"
#include "convmae/train/run/set_aside.h"

#include <filesystem>
#include <system_error>
#include <utility>

namespace convmae {

Resumption::Resumption(const std::string& resume, std::int64_t keep_last, const ExpectModel& expect,
                       ProcessGroup* group)
    : group_(group) {
  if (group_ == nullptr || group_->is_first()) open(resume, keep_last, expect);
  share_state();
}

void Resumption::open(const std::string& resume, std::int64_t keep_last,
                      const ExpectModel& expect) {
  ResumePlace place = place_to_resume(resume);
  RunDirectory directory = RunDirectory::open(place.run);
  paths_ = directory.paths();
  files_.emplace(Files{.place = std::move(place),
                       .directory = std::move(directory),
                       .store = CheckpointStore(paths_.checkpoints(), keep_last)});
  const std::filesystem::path result = paths_.result();
  std::error_code ignored;
  if (std::filesystem::exists(result, ignored) && !is_result(result)) {
    throw UserError(quote(result.string()) +
                    " is not from a run of convmae, which would write there: move it away");
  }
  const auto take_state = [this, &expect](const CheckpointFile& candidate) {
    state_ = training_state(candidate);
    expect(WeightFile(candidate.path()), candidate.info());
  };
  files_->checkpoint = files_->place.checkpoint.empty()
                           ? files_->store.open_newest(files_->passed_over, take_state)
                           : CheckpointStore::open(files_->place.checkpoint, take_state);
}

void Resumption::share_state() {
  if (group_ == nullptr) return;
  const std::string text = group_->broadcast(files_ ? to_json(state_).dump() : "");
  const std::string root = group_->broadcast(paths_.root.string());
  if (files_) return;
  state_ = training_state_from_json(nlohmann::ordered_json::parse(text));
  paths_.root = root;
}

void Resumption::keep_arithmetic(TrainingOptions& options) const {
  if (options.device == "auto") options.device = state_.device;
  if (options.precision == "auto") options.precision = state_.precision;
  if (options.gemm == "auto" && options.precision == state_.precision) options.gemm = state_.gemm;
  if (options.threads == 0) options.threads = state_.threads;
}

std::string Resumption::warning_of(const TrainingOptions& options) const {
  if (options.device == state_.device && options.gemm == state_.gemm &&
      options.threads == state_.threads && options.precision == state_.precision) {
    return "";
  }
  return "warning: the run had --device " + state_.device + " --gemm " + state_.gemm +
         " --threads " + std::to_string(state_.threads) + " --precision " + state_.precision +
         "; with others it continues, but not with the same last bits";
}

void Resumption::check(const RunIdentity& asked) const { check_identity(state_.identity, asked); }

void Resumption::check(const CheckpointInfo& asked) const {
  if (files_) check_model(files_->checkpoint->info(), asked);
}

std::vector<std::string> Resumption::restore(Task& task, std::int64_t steps_per_epoch,
                                             const RunIdentity& identity,
                                             const CheckpointInfo& info) {
  std::vector<std::string> warnings;
  if (files_) warnings = restore_from_files(task, steps_per_epoch, identity, info);
  share_state();
  return warnings;
}

std::vector<std::string> Resumption::restore_from_files(Task& task, std::int64_t steps_per_epoch,
                                                        const RunIdentity& identity,
                                                        const CheckpointInfo& info) {
  const auto read = [&](const CheckpointFile& candidate) {
    state_ = training_state(candidate);
    check_position(state_.position, steps_per_epoch, candidate.path());
    restore_training_checkpoint(candidate, task.module(), task.optimizer(), task.further_state());
  };
  try {
    read(*files_->checkpoint);
  } catch (const UserError& error) {
    if (!files_->place.checkpoint.empty()) throw;
    files_->passed_over.push_back({files_->checkpoint->path(), error.what()});
    files_->checkpoint = files_->store.open_newest(files_->passed_over, read);
    check(identity);
    check(info);
  }
  std::vector<std::string> warnings;
  warnings.reserve(files_->passed_over.size());
  for (const auto& [checkpoint, reason] : files_->passed_over) {
    warnings.push_back("warning: " + reason + "; passing it over");
  }
  return warnings;
}

std::string Resumption::clear_later() {
  const std::int64_t step = position().global_step;
  std::string text;
  if (!files_->place.checkpoint.empty()) {
    const std::filesystem::path folder = set_aside(paths_, step, files_->store.later_than(step));
    if (!folder.empty()) {
      text = "goes back to step " + std::to_string(step) +
             "; what the run has done after it is kept in " + quote(folder.string());
    }
  }
  files_->store.remove_after(step);
  std::error_code ignored;
  std::filesystem::remove(paths_.result(), ignored);
  return text;
}

}  // namespace convmae
