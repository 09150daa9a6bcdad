#pragma once

#include "convmae/data/sources/source.h"
#include "convmae/train/run/run_context.h"
#include "convmae/train/training_checkpoint.h"
#include "convmae/train/training_options.h"

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>

namespace convmae {

/// What every resolved configuration that a run writes begins with.
inline constexpr std::string_view kConfigBeginning = "# All options of this run; `convmae ";

/// The resolved configuration that a run writes; `command` is the one that repeats it.
std::string config_text(const std::string& command, const NamedValues& settings);

/// A digest of where the held-out images are, and of their names and classes: other sets often have
/// the same names; `annotations` is that of what else is said of them. Looks at no image.
std::string held_out_digest(const TrainingOptions& options, const ImageSource& images,
                            const std::string& annotations = "");

/// Looks at the name and the class of every image, and at no image. Without annotations.
RunIdentity identity_of(const TrainingOptions& options, const ImageSource& images);

/// The command whose run wrote a configuration; empty if no run did.
std::string command_of_config(const std::filesystem::path& config);

/// Throws UserError, naming the flag, if a run that is to continue would not be the same.
void check_identity(const RunIdentity& run, const RunIdentity& asked);

/// Throws UserError if `checkpoint` has a position that no run can have.
void check_position(const RunPosition& position, std::int64_t steps_per_epoch,
                    const std::filesystem::path& checkpoint);

/// Throws UserError, naming what differs, unless the run's model is the one asked for.
void check_model(const CheckpointInfo& run, const CheckpointInfo& asked);

/// Names in `bad_samples.jsonl`, which an earlier part of the run has listed.
std::set<std::string> listed_bad_samples(const std::filesystem::path& path);

}  // namespace convmae
