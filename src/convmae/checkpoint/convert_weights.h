#pragma once

#include "convmae/checkpoint/weight_layout.h"
#include "convmae/io/tensor_view.h"
#include "convmae/io/weights.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

struct ConversionOptions {
  bool to_pth = false;                 ///< else safetensors
  std::optional<WeightLayout> layout;  ///< none: names stay, without the prefixes of wrappers
  bool encoder_only = false;
  std::optional<DType> dtype;  ///< what floating-point weights become; none: they stay
  bool optimizer = true;       ///< take its state along where all weights stay as they are
};

struct ConversionReport {
  std::int64_t written = 0;
  std::int64_t left_out = 0;  ///< tensors of any kind but an optimizer's
  /// Entries of a `.pth` file that they are in, if not among the weights.
  std::vector<WeightFile::Other> entries_left_out;
  std::int64_t optimizer_states = 0;
  bool optimizer_left_out = false;
};

/// Converts a file of weights of any kind. What a file says beside its weights (epoch, training
/// arguments, configuration) goes along. The layout vitmae writes `config.json` beside the output,
/// as require_vitmae_config_free allows. Throws UserError if the input is no such file, if nothing
/// in it fits the layout, or if the output cannot be written; then there is no output.
ConversionReport convert_weights(const std::filesystem::path& in, const std::filesystem::path& out,
                                 const ConversionOptions& options);

}  // namespace convmae
