#include "convmae/cli/inference.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/cli/validators.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/train/compute_threads.h"
#include "convmae/train/evaluation/precision.h"

#include <ATen/ATen.h>
#include <CLI/CLI.hpp>

#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

namespace convmae {

namespace {

constexpr const char* kMaxPixelsHelp =
    "Refuse larger images, and those that need more memory than so many pixels of RGB";

}  // namespace

void add_max_pixels(CLI::App& command, std::int64_t& max_pixels) {
  numbers_of<std::int64_t>(command.add_option("--max_pixels", max_pixels, kMaxPixelsHelp))
      ->check(positive())
      ->capture_default_str();
}

void ReadingFlags::add_batch_size(CLI::App& command) {
  numbers_of<std::int64_t>(command.add_option("--batch_size", batch_size_, "Images at a time"))
      ->check(count())
      ->capture_default_str();
}

void add_max_pixels(OptionTable& table, std::int64_t& max_pixels) {
  table.add("max_pixels", max_pixels, kMaxPixelsHelp)->check(positive());
}

void ReadingFlags::add_to(CLI::App& command) {
  numbers_of<std::int64_t>(
      command.add_option("--num_workers", num_workers_, "Threads that load images"))
      ->check(not_negative())
      ->capture_default_str();
  command
      .add_option("--on_bad_sample", on_bad_sample_,
                  "Undecodable images: error, or skip (name them and do not count them)")
      ->check(CLI::IsMember({"error", "skip"}))
      ->capture_default_str();
}

ImageReading ReadingFlags::reading(const DecodeOptions& decode, ImageProgress& progress) const {
  ImageReading reading;
  reading.batch_size = batch_size_;
  reading.num_workers = num_workers_;
  reading.decode = decode;
  reading.leave_out_bad = on_bad_sample_ == "skip";
  reading.report_bad = [&progress](const BadSample& bad) {
    progress.message("convmae: warning: left out " + quote(bad.name) + ": " + bad.error);
  };
  reading.hint = [&progress](const std::string& hint) {
    progress.message("convmae: warning: " + hint);
  };
  reading.progress = [&progress](std::int64_t done) { progress.update(done); };
  return reading;
}

void InferenceFlags::add_to(CLI::App& command) {
  command.add_flag("--exif_orientation", decode_.apply_exif_orientation,
                   "Turn images as EXIF says");
  add_max_pixels(command, decode_.max_pixels);
  command.add_option("--precision", precision_, "fp32, or bf16 where the CPU has it")
      ->capture_default_str();
  numbers_of<std::int64_t>(
      command.add_option("--threads", threads_, "Threads that compute; 0: one a CPU"))
      ->check(not_negative())
      ->capture_default_str();
}

void InferenceFlags::use_threads() const { use_compute_threads(threads_); }

at::ScalarType InferenceFlags::type() const { return parse_precision(precision_); }

at::Tensor read_image(SampleTransform& transform, const std::string& path) {
  std::vector<std::uint8_t> bytes;
  read_file(path, bytes);
  const TransformConfig& config = transform.config();
  at::Tensor image =
      at::empty({1, config.decode.channels, config.output.height, config.output.width}, at::kFloat);
  try {
    transform.apply(bytes, {}, image.mutable_data_ptr<float>());
  } catch (const UserError& error) {
    throw UserError("cannot use the image " + quote(path) + ": " + error.what());
  }
  const std::string hint = transform.take_hint();
  if (!hint.empty()) std::cerr << "convmae: warning: " << quote(path) << " has " << hint << "\n";
  return image;
}

}  // namespace convmae
