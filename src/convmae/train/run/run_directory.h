#pragma once

#include "convmae/base/file_descriptor.h"

#include <filesystem>
#include <string>

namespace convmae {

/// The names in a run directory.
struct RunPaths {
  std::filesystem::path root;

  std::filesystem::path config() const { return root / "config.toml"; }
  std::filesystem::path log() const { return root / "log.txt"; }
  std::filesystem::path steps() const { return root / "steps.jsonl"; }
  std::filesystem::path bad_samples() const { return root / "bad_samples.jsonl"; }
  std::filesystem::path report() const { return root / "report.html"; }
  std::filesystem::path panels() const { return root / "panels"; }
  std::filesystem::path checkpoints() const { return root / "checkpoints"; }
  std::filesystem::path weights() const { return root / "weights.safetensors"; }
};

/// The directory of a run, locked against a second process for as long as this
/// object lives.
class RunDirectory {
 public:
  /// A directory for a new run, made if need be. Throws UserError if it holds a run already (unless
  /// `overwrite`, which deletes that run's files), cannot be written or is in use.
  static RunDirectory create(const std::filesystem::path& path, bool overwrite);
  /// The directory of an existing run. Throws UserError if it is none (naming --init for a file),
  /// or is in use.
  static RunDirectory open(const std::filesystem::path& path);

  const RunPaths& paths() const { return paths_; }

 private:
  explicit RunDirectory(std::filesystem::path root);

  RunPaths paths_;
  FileDescriptor lock_;
};

}  // namespace convmae
