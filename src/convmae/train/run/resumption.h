#pragma once

#include "convmae/io/weights.h"
#include "convmae/train/run/checkpoint_store.h"
#include "convmae/train/run/run_directory.h"
#include "convmae/train/task.h"
#include "convmae/train/training_checkpoint.h"
#include "convmae/train/training_options.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// Throws UserError unless a file holds every tensor of the model that it describes.
using ExpectModel = std::function<void(const WeightFile& file, const CheckpointInfo& info)>;

/// How a run goes on: its directory, the checkpoint that it continues from, and whether it may. Of
/// several processes the first alone touches files, and tells the others what it has found.
class Resumption {
 public:
  /// Opens what `resume` names: a run's directory, with its newest usable checkpoint, or one of its
  /// checkpoints. Throws UserError if there is none, or if another's file is in the way. What
  /// `expect` refuses is passed over.
  Resumption(const std::string& resume, std::int64_t keep_last, const ExpectModel& expect,
             ProcessGroup* group);

  /// Arithmetic that was not asked for stays as it was, also on another machine.
  void keep_arithmetic(TrainingOptions& options) const;
  /// What is to be said of other arithmetic than the run had; empty for the same.
  std::string warning_of(const TrainingOptions& options) const;
  /// Throw UserError, naming the flag, if the run would not be the same.
  void check(const RunIdentity& asked) const;
  void check(const CheckpointInfo& asked) const;

  /// Puts what the checkpoint holds into `task`; where it turns out to be damaged, what an older
  /// one holds. Returns warnings. Throws UserError if none is left.
  std::vector<std::string> restore(Task& task, std::int64_t steps_per_epoch,
                                   const RunIdentity& identity, const CheckpointInfo& info);
  /// Of the checkpoint.
  const RunPosition& position() const { return state_.position; }
  const RunIdentity& identity() const { return state_.identity; }
  const RunPaths& paths() const { return paths_; }

  // What follows is for the process that has the files.

  const nlohmann::ordered_json& trainer() const { return files_->checkpoint->trainer(); }
  /// Deletes the run's result, and checkpoints after the position, which were passed over; those of
  /// a run that goes back are set aside instead. Returns what is to be said of that, if anything.
  std::string clear_later();

  RunDirectory& directory() { return files_->directory; }
  CheckpointStore& store() { return files_->store; }

 private:
  struct Files {
    ResumePlace place;
    RunDirectory directory;
    CheckpointStore store;
    std::vector<CheckpointStore::PassedOver> passed_over{};
    std::unique_ptr<CheckpointFile> checkpoint{};
  };

  void open(const std::string& resume, std::int64_t keep_last, const ExpectModel& expect);
  std::vector<std::string> restore_from_files(Task& task, std::int64_t steps_per_epoch,
                                              const RunIdentity& identity,
                                              const CheckpointInfo& info);
  /// Makes the state of the first process that of all.
  void share_state();

  ProcessGroup* group_;
  RunPaths paths_;
  std::optional<Files> files_;
  TrainingState state_;
};

}  // namespace convmae
