#include "convmae/cli/inference.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/cli/validators.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/train/evaluation/precision.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include <cstdint>
#include <vector>

namespace convmae {

void add_num_workers(CLI::App& command, std::int64_t& num_workers) {
  command.add_option("--num_workers", num_workers, "Threads that load images")
      ->check(not_negative())
      ->capture_default_str();
}

void BatchFlags::add_to(CLI::App& command) {
  command.add_option("--batch_size", batch_size, "Images at a time")
      ->check(positive())
      ->capture_default_str();
  add_num_workers(command, num_workers);
}

void InferenceFlags::add_to(CLI::App& command) {
  command.add_flag("--exif_orientation", exif_orientation_, "Turn images as EXIF says");
  command.add_option("--precision", precision_, "fp32, or bf16 where the CPU has it")
      ->capture_default_str();
  command.add_option("--threads", threads_, "Threads that compute; 0: one a CPU")
      ->check(not_negative())
      ->capture_default_str();
}

void InferenceFlags::use_threads() const {
  if (threads_ > 0) at::set_num_threads(threads_);
}

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
  return image;
}

}  // namespace convmae
