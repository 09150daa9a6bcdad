#include "convmae/train/run/resumption.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/train/run/run_result.h"
#include "convmae/train/run/run_setup.h"
#include "convmae/train/run/set_aside.h"

#include <filesystem>
#include <system_error>

namespace convmae {

Resumption::Resumption(const std::string& resume, std::int64_t keep_last, const ExpectModel& expect)
    : place_(place_to_resume(resume)),
      directory_(RunDirectory::open(place_.run)),
      store_(directory_.paths().checkpoints(), keep_last) {
  const std::filesystem::path result = directory_.paths().result();
  std::error_code ignored;
  if (std::filesystem::exists(result, ignored) && !is_result(result)) {
    throw UserError(quote(result.string()) +
                    " is not from a run of convmae, which would write there: move it away");
  }
  const auto take_state = [this, &expect](const CheckpointFile& candidate) {
    state_ = training_state(candidate);
    expect(WeightFile(candidate.path()), candidate.info());
  };
  file_ = place_.checkpoint.empty() ? store_.open_newest(passed_over_, take_state)
                                    : CheckpointStore::open(place_.checkpoint, take_state);
}

void Resumption::keep_arithmetic(TrainingOptions& options) const {
  if (options.gemm == "auto" && options.precision == state_.precision) options.gemm = state_.gemm;
  if (options.threads == 0) options.threads = state_.threads;
}

std::string Resumption::warning_of(const TrainingOptions& options) const {
  if (options.gemm == state_.gemm && options.threads == state_.threads &&
      options.precision == state_.precision) {
    return "";
  }
  return "warning: the run had --gemm " + state_.gemm + " --threads " +
         std::to_string(state_.threads) + " --precision " + state_.precision +
         "; with others it continues, but not with the same last bits";
}

void Resumption::check(const RunIdentity& asked) const { check_identity(state_.identity, asked); }

void Resumption::check(const CheckpointInfo& asked) const { check_model(file_->info(), asked); }

std::vector<std::string> Resumption::restore(Task& task, std::int64_t steps_per_epoch,
                                             const RunIdentity& identity,
                                             const CheckpointInfo& info) {
  const auto read = [&](const CheckpointFile& candidate) {
    state_ = training_state(candidate);
    check_position(state_.position, steps_per_epoch, candidate.path());
    restore_training_checkpoint(candidate, task.module(), task.optimizer(), task.further_state());
  };
  try {
    read(*file_);
  } catch (const UserError& error) {
    if (!place_.checkpoint.empty()) throw;
    passed_over_.push_back({file_->path(), error.what()});
    file_ = store_.open_newest(passed_over_, read);
    check(identity);
    check(info);
  }
  std::vector<std::string> warnings;
  warnings.reserve(passed_over_.size());
  for (const auto& [checkpoint, reason] : passed_over_) {
    warnings.push_back("warning: " + reason + "; passing it over");
  }
  return warnings;
}

std::string Resumption::clear_later(const RunPaths& run) {
  const std::int64_t step = position().global_step;
  std::string text;
  if (!place_.checkpoint.empty()) {
    const std::filesystem::path folder = set_aside(run, step, store_.later_than(step));
    if (!folder.empty()) {
      text = "goes back to step " + std::to_string(step) +
             "; what the run has done after it is kept in " + quote(folder.string());
    }
  }
  store_.remove_after(step);
  std::error_code ignored;
  std::filesystem::remove(run.result(), ignored);
  return text;
}

}  // namespace convmae
