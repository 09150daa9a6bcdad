#pragma once

#include "convmae/cli/option_table.h"
#include "convmae/detect/detector_config.h"

#include <CLI/App.hpp>

#include <string>
#include <vector>

namespace convmae {

/// The flags that describe a detector behind its encoder: a published one by name, and what
/// replaces parts of it, under the names of the configuration's fields.
class DetectorFlags {
 public:
  /// Adds the flags to `table`, that of `command`, which has --input_size. They fill `preset` and
  /// `config`, which outlive this object.
  DetectorFlags(OptionTable& table, const CLI::App& command, std::string& preset,
                DetectorConfig& config);
  ~DetectorFlags() = default;
  DetectorFlags(const DetectorFlags&) = delete;
  DetectorFlags& operator=(const DetectorFlags&) = delete;

  /// Makes `config` the published detector upon that encoder, with the given values over it.
  /// Without --input_size its images are of the published size. Throws UserError if there is no
  /// such detector.
  void resolve(EncoderConfig encoder);

 private:
  std::string& preset_;
  DetectorConfig& config_;
  const CLI::Option* input_size_;
  std::vector<CLI::Option*> options_;
};

}  // namespace convmae
