#include "convmae/cli/feature_flags.h"

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
  inference_.add_to(command);
}

FeatureModel FeatureFlags::load_model() const {
  inference_.use_threads();
  return FeatureModel::load(checkpoint_, num_heads_, inference_.type());
}

FeatureReading FeatureFlags::reading(std::function<void(std::int64_t)> progress) const {
  return {batch_size_, num_workers_, inference_.exif_orientation(), std::move(progress)};
}

}  // namespace convmae
