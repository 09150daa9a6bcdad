#pragma once

#include "convmae/cli/option_table.h"
#include "convmae/cli/processes.h"
#include "convmae/data/transforms.h"
#include "convmae/model/compute.h"
#include "convmae/report/image_progress.h"
#include "convmae/train/batches.h"

#include <ATen/core/Tensor.h>
#include <CLI/App.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace convmae {

/// --max_pixels of commands that decode images; where they have an OptionTable, add_max_pixels
/// there.
void add_max_pixels(CLI::App& command, std::int64_t& max_pixels);
void add_max_pixels(OptionTable& table, std::int64_t& max_pixels);

/// The exit code of a command that went on without some images: 1 if there were any, which then are
/// summed up on standard error; `first` is what is said of the first one.
int exit_code_without(std::int64_t failed, std::int64_t images, const std::string& first);

/// --on_bad_sample of commands that take images one by one: whether those that cannot be used end
/// the command, or are named in their place and cost the others nothing.
class OneByOne {
 public:
  explicit OneByOne(std::string on_bad_sample) : on_bad_sample_(std::move(on_bad_sample)) {}
  void add_to(CLI::App& command);

  /// Calls `work`. A UserError goes on to `show`, which tells of it in the image's place, unless
  /// the first one is to end everything.
  void attempt(const std::string& image, const std::function<void()>& work,
               const std::function<void(const std::string&)>& show);
  /// Throws UserError if no image could be used, where that leaves nothing to write.
  void require_any() const;
  /// The command's exit code: 1 if there were errors, which then are summed up on standard error.
  int finish() const;

 private:
  std::string on_bad_sample_;
  std::int64_t images_ = 0;
  std::int64_t failed_ = 0;
  std::string first_;  ///< what is said of the first one
};

/// The images that a command goes on without, while it reads many.
class UnusableImages {
 public:
  /// Counts what `reading` reports, beside what becomes of that otherwise; outlives the reading.
  void count(ImageReading& reading);
  /// 1 if there were any of the `images`, which then are summed up on standard error.
  int exit_code(std::int64_t images) const { return exit_code_without(count_, images, first_); }

 private:
  std::int64_t count_ = 0;
  std::string first_;  ///< what is said of the first one
};

/// How a command reads many images, each of which counts once.
class ReadingFlags {
 public:
  explicit ReadingFlags(std::int64_t batch_size = 64, std::string on_bad_sample = "error")
      : batch_size_(batch_size), on_bad_sample_(std::move(on_bad_sample)) {}

  void add_batch_size(CLI::App& command);
  /// Threads, and what becomes of images that cannot be used.
  void add_to(CLI::App& command);
  /// How long other processes may be silent.
  void add_sharing_to(CLI::App& command);
  /// Shares the images with the other processes of the command, if a launcher has started some.
  void join(Processes& processes);

  /// The share of images that may be left out.
  double most_left_out() const { return on_bad_sample_ == "skip" ? 1 : 0; }
  /// Null: this process reads all.
  ProcessGroup* group() const { return group_; }
  /// What they say. Progress is shown, and images that are left out are named, through `progress`,
  /// which must outlive the reading.
  ImageReading reading(const DecodeOptions& decode, ImageProgress& progress) const;
  /// When all images are read: names, as `reading` says, those that other processes have left out.
  void tell_of_others(const ImageReading& reading) const;

 private:
  std::int64_t batch_size_;
  std::int64_t num_workers_ = 2;
  std::string on_bad_sample_;
  std::int64_t dist_timeout_ = 300;
  ProcessGroup* group_ = nullptr;
};

/// The flags of every command that takes images through a network without training it.
class InferenceFlags {
 public:
  void add_to(CLI::App& command);
  /// Those of a command whose images are upright in any case.
  void add_upright_to(CLI::App& command);

  /// Starts what computes, once. Throws UserError as start_compute does.
  Compute start(ProcessGroup* group = nullptr) const { return start_compute(compute_, group); }
  const DecodeOptions& decode() const { return decode_; }

 private:
  DecodeOptions decode_;
  ComputeOptions compute_;
};

/// An image file as a batch of one: [1, channels, height, width], float32. Throws UserError if it
/// cannot be read or decoded.
at::Tensor read_image(SampleTransform& transform, const std::string& path);

}  // namespace convmae
