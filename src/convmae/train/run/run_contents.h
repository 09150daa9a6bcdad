#pragma once

#include "convmae/train/run/run_directory.h"

#include <filesystem>
#include <optional>

namespace convmae {

/// What a directory holds, as far as a run that is to be written there is concerned.
struct RunContents {
  /// Its log begins with the header that this program writes.
  bool is_run = false;
  /// A run began here and was killed before it wrote its header.
  bool is_start = false;
  bool has_checkpoint = false;
  bool has_weights = false;
  /// An epoch ended.
  bool has_epochs = false;
  /// Something under a name that a run writes, but of another origin; empty if there is nothing.
  std::filesystem::path foreign;

  /// Whether it is a run that has something to continue from.
  bool can_be_continued() const { return is_run && has_checkpoint; }
  /// Whether a new run in its place would cost something.
  bool worth_keeping() const { return has_checkpoint || has_weights || has_epochs; }
};

/// Only looks. A directory that is not there is an empty one.
RunContents contents_of(const RunPaths& paths);

/// Deletes what a run has written, and nothing else; its configuration stays, to be replaced.
void remove_run(const RunPaths& paths);

}  // namespace convmae
