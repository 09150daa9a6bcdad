#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/image_words.h"
#include "convmae/cli/inference.h"
#include "convmae/cli/output.h"
#include "convmae/cli/segmentor_flags.h"
#include "convmae/report/image_progress.h"
#include "convmae/segment/prediction_files.h"
#include "convmae/train/run/checkpoint_store.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

namespace convmae {
namespace {

struct SegmentPredictOptions {
  ImageWords images;
  std::string out;
  bool no_overlays = false;
  bool json = false;
  SegmentorFlags segmentor;
  ReadingFlags reading{1, "skip"};
  InferenceFlags inference;
};

void print_predictions(const SegmentationFiles& files, const LabelScheme& scheme, bool as_json) {
  nlohmann::ordered_json classes = nlohmann::ordered_json::array();
  for (const std::int64_t k : files.classes()) {
    const double share = files.share_of(k);
    const std::string& name = scheme.classes()[static_cast<std::size_t>(k)].name;
    if (as_json) {
      classes.push_back({{"id", scheme.id_of(k)}, {"name", as_utf8(name)}, {"share", share}});
    } else {
      std::printf("%8.3f %%  %s\n", 100 * share, brief(name).c_str());
    }
  }
  if (as_json) {
    print_json({{"images", files.images()},
                {"directory", as_utf8(files.directory().string())},
                {"classes", classes}});
  } else {
    std::printf("%s: %s\n", printable(files.directory().string()).c_str(),
                counted(files.images(), "image", "images").c_str());
  }
  std::fflush(stdout);
}

int run(const SegmentPredictOptions& options) {
  SegmentationFiles::require(options.out);
  const Compute compute = options.inference.start();
  const LoadedSegmentor loaded =
      load_segmentor(model_file(options.segmentor.checkpoint()), compute);
  const SegmentorInput input = options.segmentor.input(loaded, compute);
  const std::shared_ptr<const ImageSource> source = options.images.open();
  const std::shared_ptr<const LabelScheme> scheme = options.segmentor.scheme(loaded);
  DecodeOptions decode = options.inference.decode();
  decode.channels = std::ssize(loaded.preprocessing.mean);
  SegmentationFiles files(options.out, source, scheme, decode, !options.no_overlays);
  UnusableImages unusable;
  {
    ImageProgress progress(source->size());
    ImageReading reading = options.reading.reading(options.inference.decode(), progress);
    unusable.count(reading);
    segment_images(*loaded.segmentor, input, source, reading,
                   [&files](const SegmentedImage& found) { files.add(found); });
  }
  files.finish();
  print_predictions(files, *scheme, options.json);
  const std::string advice = files.missing_fonts().advice();
  if (!advice.empty()) std::cerr << "convmae: warning: " << advice << "\n";
  return unusable.exit_code(source->size());
}

}  // namespace

void add_segment_predict(CLI::App& segment, CommandLine& line) {
  CLI::App* const command = segment.add_subcommand(
      "predict", "Tell the class of every pixel: label files, overlays and a legend");
  const auto options = std::make_shared<SegmentPredictOptions>();
  options->images.add_to(*command);
  command
      ->add_option("--out", options->out,
                   "Directory for labels/, overlays/ and the legend, which must not be there yet")
      ->required();
  command->add_flag("--no_overlays", options->no_overlays, "Write label files alone");
  add_json(*command, options->json);
  options->segmentor.add_to(*command);
  options->reading.add_to(*command);
  options->inference.add_upright_to(*command);
  add_example(*command, "convmae segment predict photos --checkpoint segmentor --out maps");
  command->callback([options, &line] { line.exit_code = run(*options); });
}

}  // namespace convmae
