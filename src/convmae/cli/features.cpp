#include "convmae/train/evaluation/features.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/feature_flags.h"
#include "convmae/cli/validators.h"
#include "convmae/data/sources/image_subset.h"
#include "convmae/report/image_progress.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace convmae {
namespace {

struct FeaturesOptions {
  FeatureFlags reading;
  std::string data;
  std::string split = "train";
  std::string out;
  FeatureSelection selection;
};

void run(FeaturesOptions options) {
  const std::filesystem::path list = std::filesystem::path(options.out).replace_extension(".csv");
  std::error_code ignored;
  if (std::filesystem::equivalent(list, options.data, ignored)) {
    throw UserError("--out would replace the list " + quote(options.data) +
                    ", which --data names: choose another name");
  }
  const FeatureModel model = options.reading.load_model();
  const std::shared_ptr<const ImageSource> source =
      open_source(options.data, options.split == "val" ? Split::val : Split::train);
  std::vector<std::int64_t>& stages = options.selection.stages;
  if (stages.empty()) stages = {model.stages()};
  std::vector<std::filesystem::path> files;
  std::int64_t used = source->size();
  {
    ImageProgress progress(source->size());
    ImageReading reading = options.reading.reading(progress);
    reading.report_bad = [&used, name = reading.report_bad](const BadSample& bad) {
      --used;
      name(bad);
    };
    files = write_features(model, source, options.selection, reading, options.out);
  }
  std::printf("%s\n", description_of(*source, used).c_str());
  for (const std::filesystem::path& file : files) {
    std::printf("%s\n", printable(file.string()).c_str());
  }
}

}  // namespace

void add_features(CLI::App& app) {
  CLI::App* const command = app.add_subcommand(
      "features", "Write what an encoder makes of images: maps or vectors, as safetensors or .npy");
  const auto options = std::make_shared<FeaturesOptions>();
  options->reading.add_to(*command);
  command->add_option("--data", options->data, "Images: a folder, a list, or IDX files")
      ->required();
  command->add_option("--split", options->split, "Of data with both: train or val")
      ->check(CLI::IsMember({"train", "val"}))
      ->capture_default_str();
  command
      ->add_option("--out", options->out,
                   "NAME.safetensors or NAME.npy; NAME.csv beside it lists the images")
      ->required();
  numbers_of<std::int64_t>(
      command->add_option("--stages", options->selection.stages, "Of 1, 2 and 3 [the last one]"))
      ->delimiter(',');
  command->add_flag("--pooled", options->selection.pooled,
                    "The mean of each map instead of the map");
  command->callback([options] { run(*options); });
}

}  // namespace convmae
