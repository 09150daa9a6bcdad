#include "convmae/cli/feature_flags.h"

#include "convmae/train/precision.h"

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include <utility>

namespace convmae {

void FeatureFlags::add_to(CLI::App& command) {
  command
      .add_option("--checkpoint", checkpoint_,
                  "Weights of any kind, or the directory of a run: the encoder")
      ->required();
  command.add_option("--num_heads", num_heads_,
                     "Attention heads of the encoder [as the file or its widths tell]");
  command.add_option("--batch_size", batch_size_, "Images at once")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--num_workers", num_workers_, "Threads that load images")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_flag("--exif_orientation", exif_orientation_, "Turn images as EXIF says");
  command.add_option("--precision", precision_, "fp32, or bf16 where the CPU has it")
      ->capture_default_str();
  command.add_option("--threads", threads_, "Threads that compute; 0: one a CPU")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

FeatureModel FeatureFlags::load_model() const {
  if (threads_ > 0) at::set_num_threads(threads_);
  return FeatureModel::load(checkpoint_, num_heads_, parse_precision(precision_));
}

FeatureReading FeatureFlags::reading(std::function<void(std::int64_t)> progress) const {
  return {batch_size_, num_workers_, exif_orientation_, std::move(progress)};
}

}  // namespace convmae
