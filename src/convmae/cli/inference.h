#pragma once

#include "convmae/cli/option_table.h"
#include "convmae/data/transforms.h"
#include "convmae/report/image_progress.h"
#include "convmae/train/evaluation/batches.h"

#include <ATen/core/Tensor.h>
#include <CLI/App.hpp>

#include <cstdint>
#include <string>

namespace convmae {

/// --max_pixels of commands that decode images; where they have an OptionTable, add_max_pixels
/// there.
void add_max_pixels(CLI::App& command, std::int64_t& max_pixels);
void add_max_pixels(OptionTable& table, std::int64_t& max_pixels);

/// How a command reads many images, each of which counts once.
class ReadingFlags {
 public:
  void add_batch_size(CLI::App& command);
  /// Threads, and what becomes of images that cannot be used.
  void add_to(CLI::App& command);

  /// What they say. Progress is shown, and images that are left out are named, through `progress`,
  /// which must outlive the reading.
  ImageReading reading(const DecodeOptions& decode, ImageProgress& progress) const;

 private:
  std::int64_t batch_size_ = 64;
  std::int64_t num_workers_ = 2;
  std::string on_bad_sample_ = "error";
};

/// The flags of every command that takes images through a network without training it.
class InferenceFlags {
 public:
  void add_to(CLI::App& command);

  /// Sets the number of compute threads.
  void use_threads() const;
  /// What --precision names. Throws UserError for other names and on CPUs without it.
  at::ScalarType type() const;
  const DecodeOptions& decode() const { return decode_; }

 private:
  DecodeOptions decode_;
  std::string precision_ = "fp32";
  std::int64_t threads_ = 0;
};

/// An image file as a batch of one: [1, channels, height, width], float32. Throws UserError, which
/// names the file, if it cannot be read or decoded.
at::Tensor read_image(SampleTransform& transform, const std::string& path);

}  // namespace convmae
