#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/inference.h"
#include "convmae/cli/output.h"
#include "convmae/cli/validators.h"
#include "convmae/data/sources/image_subset.h"
#include "convmae/features/image_statistics.h"
#include "convmae/report/image_progress.h"
#include "convmae/train/opened_images.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace convmae {
namespace {

struct StatsOptions {
  std::string data;
  std::vector<std::int64_t> input_size{224};
  std::int64_t in_chans = 3;
  ReadingFlags reading;
  DecodeOptions decode;
  bool json = false;
};

/// "0.4812,0.4575,0.4079", as --mean and --std take it.
std::string flag_text(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) {
    char number[32];
    std::snprintf(number, sizeof(number), "%s%.4f", text.empty() ? "" : ",", value);
    text += number;
  }
  return text;
}

void run(const StatsOptions& options) {
  const std::shared_ptr<const ImageSource> source = opened_images(options.data, Split::train);
  const ImageStatistics found = [&] {
    ImageProgress progress(source->size());
    return image_statistics(source, {options.input_size.front(), options.input_size.back()},
                            options.in_chans, options.reading.reading(options.decode, progress));
  }();
  if (options.json) {
    print_json({{"images", found.images}, {"mean", found.mean}, {"std", found.std}});
  } else {
    std::printf("%s\n--mean %s --std %s\n", description_of(*source, found.images).c_str(),
                flag_text(found.mean).c_str(), flag_text(found.std).c_str());
  }
}

}  // namespace

void add_stats(CLI::App& app) {
  CLI::App* const command = app.add_subcommand(
      "stats", "Mean and standard deviation of images, for --mean and --std of a run on them");
  const auto options = std::make_shared<StatsOptions>();
  const std::function<void()> settle_data =
      add_data(*command, options->data, "Images: a folder, a list, or IDX files");
  numbers_of<std::int64_t>(command->add_option("--input_size", options->input_size,
                                               "Pixels: a side, or height and width"))
      ->expected(1, 2)
      ->delimiter(',')
      ->check(positive())
      ->capture_default_str();
  numbers_of<std::int64_t>(
      command->add_option("--in_chans", options->in_chans, "Channels of an image"))
      ->check(positive())
      ->capture_default_str();
  options->reading.add_to(*command);
  add_max_pixels(*command, options->decode.max_pixels);
  add_json(*command, options->json);
  add_example(*command, "convmae stats photos --input_size 224");
  command->callback([options, settle_data] {
    settle_data();
    run(*options);
  });
}

}  // namespace convmae
