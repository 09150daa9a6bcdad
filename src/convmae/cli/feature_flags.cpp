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
  batches_.add_to(command);
  inference_.add_to(command);
}

FeatureModel FeatureFlags::load_model() const {
  inference_.use_threads();
  return FeatureModel::load(checkpoint_, num_heads_, inference_.type());
}

FeatureReading FeatureFlags::reading(std::function<void(std::int64_t)> progress) const {
  return {batches_.batch_size, batches_.num_workers, inference_.exif_orientation(),
          std::move(progress)};
}

}  // namespace convmae
