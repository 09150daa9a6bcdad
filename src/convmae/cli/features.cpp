#include "convmae/features/features.h"

#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/feature_flags.h"
#include "convmae/cli/help.h"
#include "convmae/cli/output.h"
#include "convmae/cli/validators.h"
#include "convmae/data/sources/image_subset.h"
#include "convmae/features/feature_writer.h"
#include "convmae/report/image_progress.h"
#include "convmae/train/opened_images.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <functional>
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
  bool json = false;
};

void print(const FeaturesOptions& options, const std::vector<std::filesystem::path>& files,
           const std::string& source, std::int64_t images) {
  std::vector<std::string> names;
  names.reserve(files.size());
  for (const std::filesystem::path& file : files) names.push_back(file.string());
  if (options.json) {
    print_json({{"images", images},
                {"data", source},
                {"stages", options.selection.stages},
                {"pooled", options.selection.pooled},
                {"files", names}});
    return;
  }
  std::printf("%s\n", source.c_str());
  for (const std::string& name : names) std::printf("%s\n", printable(name).c_str());
}

void run(FeaturesOptions options) {
  const std::filesystem::path list = std::filesystem::path(options.out).replace_extension(".csv");
  require_not_read(list, {{options.data, "the list that --data names"}});
  require_not_read(options.out, {{options.data, "what --data names"},
                                 {options.reading.checkpoint(), "what --checkpoint names"}});
  require_feature_files(options.out, options.selection.stages);
  const FeatureModel model = options.reading.load_model();
  const std::shared_ptr<const ImageSource> source =
      opened_images(options.data, options.split == "val" ? Split::val : Split::train);
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
    options.reading.tell_of_others(reading);
  }
  print(options, files, description_of(*source, used), used);
}

}  // namespace

void add_features(CLI::App& app, CommandLine& line) {
  CLI::App* const command = app.add_subcommand(
      "features", "Write what an encoder makes of images: maps or vectors, as safetensors or .npy");
  const auto options = std::make_shared<FeaturesOptions>();
  const std::function<void()> settle_data =
      add_data(*command, options->data, "Images: a folder, a list, or IDX files");
  command->add_option("--split", options->split, "Of data with both: train or val")
      ->check(CLI::IsMember({"train", "val"}))
      ->capture_default_str();
  command
      ->add_option("--out", options->out,
                   "NAME.safetensors or NAME.npy; NAME.csv beside it lists the images")
      ->required();
  options->reading.add_to(*command);
  numbers_of<std::int64_t>(
      command->add_option("--stages", options->selection.stages, "Of 1, 2 and 3 [the last one]"))
      ->delimiter(',');
  command->add_flag("--pooled", options->selection.pooled,
                    "The mean of each map instead of the map");
  add_json(*command, options->json);
  add_example(*command, "convmae features photos --checkpoint run --pooled --out vectors.npy");
  command->callback([options, settle_data, &line] {
    options->reading.join(line.processes);
    settle_data();
    run(*options);
  });
}

}  // namespace convmae
