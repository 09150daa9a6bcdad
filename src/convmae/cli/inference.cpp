#include "convmae/cli/inference.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/cli/validators.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/train/posted_samples.h"

#include <ATen/ATen.h>
#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

namespace convmae {

namespace {

constexpr const char* kMaxPixelsHelp =
    "Refuse larger images, and those that need more memory than so many pixels of RGB";
constexpr std::size_t kLongestError = 1000;

void add_on_bad_sample(CLI::App& command, std::string& value, const std::string& help) {
  command.add_option("--on_bad_sample", value, help)
      ->check(CLI::IsMember({"error", "skip"}))
      ->capture_default_str();
}

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

int exit_code_without(std::int64_t failed, std::int64_t images, const std::string& first) {
  if (failed == 0) return 0;
  std::cout << std::flush;
  std::cerr << "convmae: error: " << failed << " of " << images
            << " images could not be used, the first is " << brief(first, kLongestError) << '\n';
  return 1;
}

void OneByOne::add_to(CLI::App& command) {
  add_on_bad_sample(command, on_bad_sample_,
                    "Undecodable images: skip (name them in their place, and go on), or error");
}

void OneByOne::attempt(const std::string& image, const std::function<void()>& work,
                       const std::function<void(const std::string&)>& show) {
  ++images_;
  try {
    work();
  } catch (const UserError& error) {
    if (on_bad_sample_ == "error") {
      throw UserError("cannot use the image " + quote(image) + ": " + error.what() +
                      " (--on_bad_sample skip passes over it)");
    }
    show(error.what());
    if (failed_++ == 0) first_ = quote(image) + ": " + error.what();
  }
}

void OneByOne::require_any() const {
  if (failed_ < images_) return;
  throw UserError((images_ == 1 ? "cannot use the image "
                                : "none of the " + std::to_string(images_) +
                                      " images can be used, the first is ") +
                  first_);
}

int OneByOne::finish() const { return exit_code_without(failed_, images_, first_); }

void UnusableImages::count(ImageReading& reading) {
  reading.report_bad = [this, tell = reading.report_bad](const BadSample& bad) {
    if (count_++ == 0) first_ = quote(bad.name) + ": " + bad.error;
    tell(bad);
  };
}

void ReadingFlags::add_to(CLI::App& command) {
  numbers_of<std::int64_t>(
      command.add_option("--num_workers", num_workers_, "Threads that load images"))
      ->check(not_negative())
      ->capture_default_str();
  add_on_bad_sample(command, on_bad_sample_,
                    "Undecodable images: error, or skip (name them and do not count them)");
}

void ReadingFlags::add_sharing_to(CLI::App& command) {
  numbers_of<std::int64_t>(command.add_option("--dist_timeout", dist_timeout_,
                                              "Seconds in which another process must answer"))
      ->check(count())
      ->capture_default_str();
}

void ReadingFlags::join(Processes& processes) {
  processes.join(std::chrono::seconds(dist_timeout_));
  group_ = processes.group();
}

ImageReading ReadingFlags::reading(const DecodeOptions& decode, ImageProgress& progress) const {
  ImageReading reading;
  reading.group = group_;
  reading.batch_size = batch_size_;
  reading.num_workers = num_workers_;
  reading.decode = decode;
  reading.leave_out_bad = on_bad_sample_ == "skip";
  reading.report_bad = [this, &progress](const BadSample& bad) {
    if (group_ != nullptr && !group_->is_first()) post_sample(*group_, {bad, "left out"});
    progress.message("convmae: warning: left out " + quote(bad.name) + ": " + bad.error);
  };
  reading.hint = [&progress](const std::string& hint) {
    progress.message("convmae: warning: " + hint);
  };
  const std::int64_t processes = group_ == nullptr ? 1 : group_->size();
  reading.progress = [&progress, processes](std::int64_t done) {
    progress.update(done * processes);
  };
  return reading;
}

void ReadingFlags::tell_of_others(const ImageReading& reading) const {
  if (group_ == nullptr || !group_->is_first()) return;
  for (const PostedSample& posted : posted_samples(*group_)) reading.report_bad(posted.bad);
}

void InferenceFlags::add_to(CLI::App& command) {
  command.add_flag("--exif_orientation", decode_.apply_exif_orientation,
                   "Turn images as EXIF says");
  add_upright_to(command);
}

void InferenceFlags::add_upright_to(CLI::App& command) {
  add_max_pixels(command, decode_.max_pixels);
  command.add_option("--device", compute_.device, "auto, cpu, cuda or cuda:NUMBER")
      ->capture_default_str();
  command
      .add_option("--precision", compute_.precision,
                  "fp32, bf16 where the CPU has it, or fast: bf16 if it has; auto: bf16 on a GPU")
      ->capture_default_str();
  numbers_of<std::int64_t>(
      command.add_option("--threads", compute_.threads, "Threads that compute; 0: one a CPU"))
      ->check(not_negative())
      ->capture_default_str();
}

at::Tensor read_image(SampleTransform& transform, const std::string& path) {
  std::vector<std::uint8_t> bytes;
  read_file(path, bytes);
  const TransformConfig& config = transform.config();
  at::Tensor image =
      at::empty({1, config.decode.channels, config.output.height, config.output.width}, at::kFloat);
  transform.apply(bytes, {}, image.mutable_data_ptr<float>());
  const std::string hint = transform.take_hint();
  if (!hint.empty()) std::cerr << "convmae: warning: " << quote(path) << " has " << hint << "\n";
  return image;
}

}  // namespace convmae
