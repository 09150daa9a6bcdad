#pragma once

#include "convmae/train/weights/checkpoint_file.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace convmae {

/// The file to take a run's model from: its best checkpoint, else its newest, else its final
/// weights. Only looks. Throws UserError if `run` has none of them.
std::filesystem::path model_of_run(const std::filesystem::path& run);

/// Whether a run has saved a checkpoint. Only looks.
bool has_checkpoint(const std::filesystem::path& run);

/// Deletes what a CheckpointStore has written for a run, and nothing else.
void remove_checkpoints(const std::filesystem::path& run);

/// The checkpoints of a run: `step-00000120.safetensors`, named by the steps done, and
/// `best.safetensors`, a symbolic link to the best. Keeps the newest few and the best; a file is
/// deleted only after its successor is safe on disk.
class CheckpointStore {
 public:
  /// Makes the directory if need be, and removes temporaries that a killed process left there.
  CheckpointStore(std::filesystem::path directory, std::int64_t keep_last);

  std::filesystem::path path_of(std::int64_t global_step) const;
  /// Checkpoints from the newest to the oldest.
  std::vector<std::filesystem::path> newest_first() const;

  /// After the checkpoint of `global_step` has been written: lets `best.safetensors` name it if it
  /// is the best, and deletes what need not be kept.
  void added(std::int64_t global_step, bool is_best);
  /// The newest checkpoint that is whole. `warn` hears of each damaged one that is passed over.
  /// Throws UserError if there is none.
  std::unique_ptr<CheckpointFile> open_newest(
      const std::function<void(const std::string&)>& warn) const;
  /// Deletes the checkpoints of steps after `global_step`: damaged ones, which were passed over.
  void remove_after(std::int64_t global_step);

 private:
  std::filesystem::path best_link() const;
  void prune();

  std::filesystem::path directory_;
  std::int64_t keep_last_;
};

}  // namespace convmae
