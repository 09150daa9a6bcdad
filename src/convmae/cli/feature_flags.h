#pragma once

#include "convmae/cli/inference.h"
#include "convmae/features/features.h"

#include <CLI/App.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace convmae {

/// The flags of every command that takes images through an encoder.
class FeatureFlags {
 public:
  void add_to(CLI::App& command);

  /// As ReadingFlags.
  void join(Processes& processes) { reading_.join(processes); }
  void tell_of_others(const ImageReading& reading) const { reading_.tell_of_others(reading); }
  /// The encoder that the flags name. Starts what computes.
  FeatureModel load_model() const;
  /// What --checkpoint names.
  const std::string& checkpoint() const { return checkpoint_; }
  ImageReading reading(ImageProgress& progress) const;
  double most_left_out() const { return reading_.most_left_out(); }

 private:
  std::string checkpoint_;
  std::optional<std::int64_t> num_heads_;
  ReadingFlags reading_;
  InferenceFlags inference_;
};

}  // namespace convmae
