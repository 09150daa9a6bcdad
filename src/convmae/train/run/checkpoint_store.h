#pragma once

#include "convmae/checkpoint/checkpoint_file.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// The file to take a model from: `given` itself, or of a run's directory its best checkpoint, if
/// held-out images have told which that is, else its newest, else its final weights; or of a folder
/// that Hugging Face's transformers opens its weights. Only looks. Throws UserError if a directory
/// has none of them.
std::filesystem::path model_file(const std::filesystem::path& given);

/// Whether a run has saved a checkpoint. Only looks.
bool has_checkpoint(const std::filesystem::path& run);

/// Whether a CheckpointStore gives its checkpoints such names.
bool is_checkpoint_name(const std::filesystem::path& path);

/// Deletes what a CheckpointStore has written for a run, and nothing else.
void remove_checkpoints(const std::filesystem::path& run);

/// The checkpoints of a run: `step-00000120.safetensors`, named by the steps done, beside it
/// `score-00000120.json` once the model has been evaluated, with its score if it got one, and
/// `best.safetensors`, a symbolic link to the checkpoint with the best score. The scores alone
/// decide which that is: the link is for people, and file systems without links do without it.
/// Keeps the newest few and the best; a file is deleted only after its successor is safe on disk.
class CheckpointStore {
 public:
  /// Makes the directory if need be, and removes temporaries that a killed process left there.
  CheckpointStore(std::filesystem::path directory, std::int64_t keep_last);

  std::filesystem::path path_of(std::int64_t global_step) const;
  /// Checkpoints from the newest to the oldest.
  std::vector<std::filesystem::path> newest_first() const;

  /// After a checkpoint has been written: deletes what need not be kept.
  void added();
  /// Notes that the model of a checkpoint has been evaluated, and its score, lower is better; one
  /// that is not finite is none. `scored_on` tells what it was measured on; of what the newest
  /// score was not measured on, older ones count no more. Lets `best.safetensors` name the best,
  /// the newer of equals.
  void evaluated(std::int64_t global_step, std::optional<double> score,
                 const std::string& scored_on = "");
  /// The step of the checkpoint with the best score, if there is one.
  std::optional<std::int64_t> best() const;
  bool was_evaluated(std::int64_t global_step) const;
  std::optional<double> score(std::int64_t global_step) const;
  /// Notes the score of the checkpoint that `best.safetensors` names, if nothing else has: earlier
  /// versions knew the best by the link alone.
  void adopt_best(double score);

  /// A checkpoint that cannot be used, and why.
  struct PassedOver {
    std::filesystem::path checkpoint;
    std::string reason;
  };
  /// The newest checkpoint that is whole and that `read` gets through. With `passed_over`, those
  /// that are not older than its last entry are left out; which others were passed over, and why,
  /// is added to it. Throws UserError, which tells the first reason, if none is left.
  std::unique_ptr<CheckpointFile> open_newest(
      std::vector<PassedOver>& passed_over,
      const std::function<void(const CheckpointFile&)>& read = {}) const;
  /// The checkpoint `path` if it is whole and `read` gets through. Throws UserError if not.
  static std::unique_ptr<CheckpointFile> open(
      const std::filesystem::path& path, const std::function<void(const CheckpointFile&)>& read);
  /// Checkpoints of steps after `global_step`, and the notes beside them.
  std::vector<std::filesystem::path> later_than(std::int64_t global_step) const;
  /// Deletes what belongs to steps after `global_step`: damaged checkpoints, which were passed
  /// over.
  void remove_after(std::int64_t global_step) const;

 private:
  std::filesystem::path best_link() const;
  void point_to_best();
  void prune();

  std::filesystem::path directory_;
  std::int64_t keep_last_;
};

}  // namespace convmae
