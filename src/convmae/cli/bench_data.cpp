#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/benchmark/pipeline_benchmark.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/inference.h"
#include "convmae/cli/option_table.h"
#include "convmae/cli/output.h"
#include "convmae/data/sources/generated_source.h"
#include "convmae/io/atomic_file.h"
#include "convmae/ops/cpu_features.h"
#include "convmae/train/opened_images.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace convmae {
namespace {

constexpr Size kGeneratedSize{375, 500};  // the commonest size of ImageNet's files
constexpr int kGeneratedQuality = 90;
constexpr std::int64_t kGeneratedImages = 16;

class BenchDataCommand {
 public:
  explicit BenchDataCommand(CLI::App& command) : table_(command) {
    table_.group("Images");
    table_.add("data,data_path", data_,
               "Folder, list or IDX file; without it: generated JPEGs of 500x375");
    table_.add("input_size", transform_.output, "Size of the crops: one number, or height width");
    table_.add("crop_scale", crop_scale_, "Bounds of the cropped share of the area");
    table_.add("augment", augment_,
               "none, or full: RandAugment and random erasing as in fine-tuning");
    add_max_pixels(table_, transform_.decode.max_pixels);
    table_.add("fast_decode", transform_.fast_decode,
               "Decode JPEG and resize in less time, to slightly other pixels");
    table_.group("Measurement");
    table_.add("images", images_, "Images that are taken through the pipeline");
    table_.add("seed", seed_, "Of crops and augmentation");
    table_.add_command_line_only("json", json_, "Print JSON");
    table_.add_command_line_only("save", save_,
                                 "Folder to write the images to, for other programs to measure");
  }

  void run() {
    prepare();
    std::shared_ptr<const ImageSource> source;
    if (data_.empty()) {
      source = generate_photos(kGeneratedImages, kGeneratedSize, kGeneratedQuality, seed_);
    } else {
      source = opened_images(data_, Split::train);
    }
    if (!save_.empty()) save(*source);
    const PipelineBenchmark result = benchmark_pipeline(*source, transform_, images_, seed_);
    if (json_) {
      print_as_json(*source, result);
    } else {
      print_text(*source, result);
    }
  }

 private:
  using Stage = std::pair<const char*, double>;

  void prepare() {
    if (images_ < 1) {
      throw UserError("--images must be 1 or more, found " + std::to_string(images_));
    }
    if (!save_.empty() && !data_.empty()) {
      throw UserError("--save writes the generated images: leave out --data");
    }
    if (crop_scale_.size() != 2) {
      throw UserError(
          "--crop_scale takes two shares of the area in ascending order, such as 0.2 1");
    }
    transform_.crop.min_scale = crop_scale_[0];
    transform_.crop.max_scale = crop_scale_[1];
    if (augment_ == "full") {
      transform_.rand_augment.emplace();
      transform_.random_erasing.emplace();
    } else if (augment_ != "none") {
      throw UserError("--augment must be none or full, found " + quote(augment_));
    }
  }

  void save(const ImageSource& source) const {
    std::error_code error;
    std::filesystem::create_directories(save_, error);
    if (error) throw UserError("cannot make the folder " + quote(save_) + ": " + error.message());
    std::vector<std::uint8_t> bytes;
    for (std::int64_t i = 0; i < source.size(); ++i) {
      source.read(i, bytes);
      const std::string_view jpeg(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      const std::filesystem::path path =
          std::filesystem::path(save_) / (std::to_string(i) + ".jpg");
      if (is_the_file(path, jpeg)) continue;
      require_absent(path, "--save");
      write_file_atomically(path, jpeg);
    }
  }

  /// Whether an earlier call wrote the same there.
  static bool is_the_file(const std::filesystem::path& path, std::string_view content) {
    return file_beginning(path, content.size() + 1) == content;
  }

  static std::array<Stage, 5> stages(const PipelineBenchmark& result) {
    return {{{"read", result.read},
             {"decode", result.decode},
             {"resize", result.resize},
             {"augment", result.augment},
             {"normalise", result.normalise}}};
  }

  void print_as_json(const ImageSource& source, const PipelineBenchmark& result) const {
    nlohmann::ordered_json json;
    json["source"] = source.description();
    json["images"] = images_;
    json["input_size"] = {transform_.output.height, transform_.output.width};
    json["augment"] = augment_;
    json["fast_decode"] = transform_.fast_decode;
    json["cpu"] = describe_cpu();
    json["bytes_per_image"] = result.bytes;
    for (const auto& [name, seconds] : stages(result))
      json["cpu_seconds_per_image"][name] = seconds;
    json["cpu_seconds_per_image"]["to_uint8"] = result.to_pixels();
    json["cpu_seconds_per_image"]["to_float"] = result.all();
    json["images_per_second"] = 1 / result.all();
    print_json(json);
  }

  void print_text(const ImageSource& source, const PipelineBenchmark& result) const {
    constexpr double kMilli = 1e3;
    std::printf(
        "%s\n%s\n%.0f bytes an image\n%lld images to %lldx%lld, augmentation %s, 1 thread\n\n",
        describe_cpu().c_str(), source.description().c_str(), result.bytes,
        static_cast<long long>(images_), static_cast<long long>(transform_.output.height),
        static_cast<long long>(transform_.output.width), augment_.c_str());
    std::printf("%-12s %16s %18s\n", "stage", "CPU ms an image", "images a second");
    const auto print = [](const char* name, double seconds) {
      std::printf("%-12s %16.3f %18.0f\n", name, seconds * kMilli, 1 / seconds);
    };
    for (const auto& [name, seconds] : stages(result)) print(name, seconds);
    print("to uint8", result.to_pixels());
    print("to float", result.all());
  }

  std::string data_;
  TransformConfig transform_;
  std::vector<double> crop_scale_{0.2, 1.0};
  std::string augment_ = "none";
  std::int64_t images_ = 500;
  std::uint64_t seed_ = 0;
  bool json_ = false;
  std::string save_;
  OptionTable table_;
};

}  // namespace

void add_bench_data(CLI::App& bench) {
  CLI::App& command = add_command<BenchDataCommand>(
      bench, "data", "The stages of the image pipeline, on one thread");
  add_example(command, "convmae bench data --data photos --images 100");
}

}  // namespace convmae
