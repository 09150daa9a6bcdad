#include "convmae/cli/feature_flags.h"

#include "convmae/cli/validators.h"

#include <CLI/CLI.hpp>

namespace convmae {

void FeatureFlags::add_to(CLI::App& command) {
  command
      .add_option("--checkpoint", checkpoint_,
                  "Weights of any kind, or the directory of a run: the encoder")
      ->required();
  numbers_of<std::int64_t>(
      command.add_option("--num_heads", num_heads_,
                         "Attention heads of the encoder [as the file or its widths tell]"));
  reading_.add_batch_size(command);
  reading_.add_to(command);
  reading_.add_sharing_to(command);
  inference_.add_to(command);
}

FeatureModel FeatureFlags::load_model() const {
  return FeatureModel::load(checkpoint_, num_heads_, inference_.start(reading_.group()));
}

ImageReading FeatureFlags::reading(ImageProgress& progress) const {
  return reading_.reading(inference_.decode(), progress);
}

}  // namespace convmae
