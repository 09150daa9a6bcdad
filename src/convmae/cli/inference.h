#pragma once

#include "convmae/data/transforms.h"

#include <ATen/core/Tensor.h>
#include <CLI/App.hpp>

#include <cstdint>
#include <string>

namespace convmae {

/// --num_workers of commands that read many images.
void add_num_workers(CLI::App& command, std::int64_t& num_workers);

/// How many images a command takes at a time, and with how many threads it loads them.
struct BatchFlags {
  std::int64_t batch_size = 64;
  std::int64_t num_workers = 2;

  void add_to(CLI::App& command);
};

/// The flags of every command that takes images through a network without training it.
class InferenceFlags {
 public:
  void add_to(CLI::App& command);

  /// Sets the number of compute threads, if one was given.
  void use_threads() const;
  /// What --precision names. Throws UserError for other names and on CPUs without it.
  at::ScalarType type() const;
  bool exif_orientation() const { return exif_orientation_; }

 private:
  bool exif_orientation_ = false;
  std::string precision_ = "fp32";
  int threads_ = 0;
};

/// An image file as a batch of one: [1, channels, height, width], float32. Throws UserError, which
/// names the file, if it cannot be read or decoded.
at::Tensor read_image(SampleTransform& transform, const std::string& path);

}  // namespace convmae
