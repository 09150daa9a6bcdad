#pragma once

#include "convmae/base/file_descriptor.h"
#include "convmae/io/run_header.h"

#include <filesystem>
#include <string>

namespace convmae {

/// The names in a run directory.
struct RunPaths {
  std::filesystem::path root;

  std::filesystem::path config() const { return root / "config.toml"; }
  std::filesystem::path log() const { return root / kRunLog; }
  std::filesystem::path steps() const { return root / "steps.jsonl"; }
  std::filesystem::path bad_samples() const { return root / "bad_samples.jsonl"; }
  std::filesystem::path report() const { return root / "report.html"; }
  std::filesystem::path result() const { return root / "result.json"; }
  std::filesystem::path panels() const { return root / kRunPanels; }
  std::filesystem::path checkpoints() const { return root / "checkpoints"; }
  std::filesystem::path weights() const { return root / "weights.safetensors"; }
  std::filesystem::path lock() const { return root / kRunLock; }
};

/// Where a run is to be continued.
struct ResumePlace {
  std::filesystem::path run;
  std::filesystem::path checkpoint;  ///< empty: the newest one that can be used
};

/// What --resume names: the directory of a run that has a checkpoint to continue from, or one of
/// its checkpoints. Only looks. Throws UserError, which says what to do instead, if it is neither.
ResumePlace place_to_resume(const std::filesystem::path& path);

/// Whether it would be one: a run's directory with a checkpoint. Only looks.
bool can_resume(const std::filesystem::path& path);

/// The directory of a run, locked against a second process for as long as this
/// object lives.
class RunDirectory {
 public:
  /// A directory for a new run, made if need be. What a run left there that has no checkpoint,
  /// weights or finished epoch is deleted. Throws UserError if the directory holds more of a run
  /// (unless `overwrite`, which deletes that run's files) or files of another origin under names
  /// that a run writes, cannot be written or is in use.
  static RunDirectory create(const std::filesystem::path& path, bool overwrite);
  /// The directory of an existing run. Throws UserError as `place_to_resume` does, or if it is in
  /// use.
  static RunDirectory open(const std::filesystem::path& path);

  const RunPaths& paths() const { return paths_; }

 private:
  explicit RunDirectory(std::filesystem::path root);
  /// Notes that what is written there from now on is a run's.
  void mark() const;

  RunPaths paths_;
  FileDescriptor lock_;
};

}  // namespace convmae
