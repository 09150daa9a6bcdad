#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/inference.h"
#include "convmae/cli/output.h"
#include "convmae/cli/segmentor_flags.h"
#include "convmae/cli/validators.h"
#include "convmae/report/image_progress.h"
#include "convmae/segment/segmentation_files.h"
#include "convmae/segment/segmentation_gallery.h"
#include "convmae/segment/segmentor_report.h"
#include "convmae/train/opened_images.h"
#include "convmae/train/run/checkpoint_store.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace convmae {
namespace {

struct SegmentEvalOptions {
  std::string data;
  std::string labels;
  std::string out;
  std::int64_t pictures = 8;
  bool json = false;
  SegmentorFlags segmentor;
  ReadingFlags reading{1, "error"};
  InferenceFlags inference;
};

void print_table(const SegmentationMetrics& metrics, const std::vector<std::string>& classes) {
  std::printf("%12s  %7s  %7s  %8s  class\n", "pixels", "IoU", "Dice", "accuracy");
  for (std::int64_t k = 0; k < metrics.num_classes(); ++k) {
    std::printf("%12lld  %7s  %7s  %8s  %s\n", static_cast<long long>(metrics.pixels_of(k)),
                share_text(metrics.iou(k)).c_str(), share_text(metrics.dice(k)).c_str(),
                share_text(metrics.accuracy(k)).c_str(),
                brief(classes[static_cast<std::size_t>(k)]).c_str());
  }
  std::printf("mIoU %.2f %%  mAcc %.2f %%  aAcc %.2f %%  mDice %.2f %%\n", 100 * metrics.mean_iou(),
              100 * metrics.mean_accuracy(), 100 * metrics.overall_accuracy(),
              100 * metrics.mean_dice());
}

/// `is_first`: of several processes, which evaluate together, the one that has the results.
void run(const SegmentEvalOptions& options, bool is_first) {
  if (!options.out.empty()) require_segmentation_directory(options.out);
  const Compute compute = options.inference.start(options.reading.group());
  const std::filesystem::path file = model_file(options.segmentor.checkpoint());
  const LoadedSegmentor loaded = load_segmentor(file, compute);
  const SegmentorInput input = options.segmentor.input(loaded, compute);
  const LabelledPairs data{open_label_pairs(options.data, options.labels, Split::val),
                           options.segmentor.scheme(loaded)};
  tell(*data.pairs);

  const std::int64_t pictures = options.out.empty() ? 0 : options.pictures;
  SegmentationGallery gallery(data, pictures, pictures);
  const SegmentationMetrics metrics = [&] {
    ImageProgress progress(data.pairs->size());
    const ImageReading reading = options.reading.reading(options.inference.decode(), progress);
    SegmentationMetrics counted =
        evaluate_segmentor(*loaded.segmentor, input, data, reading,
                           [&gallery](const SegmentedImage& found) { gallery.add(found); });
    gallery.gather(reading);
    options.reading.tell_of_others(reading);
    return counted;
  }();
  if (!is_first) return;

  const std::vector<std::string> classes = data.scheme->names();
  const std::string images = data.pairs->description();
  if (options.json) {
    nlohmann::ordered_json json{{"checkpoint", as_utf8(file.string())}, {"data", as_utf8(images)}};
    json.update(evaluation_json(metrics, classes));
    print_json(json);
  } else {
    std::printf("%s on %s\n", printable(file.string()).c_str(), printable(images).c_str());
    print_table(metrics, classes);
  }
  if (options.out.empty()) return;
  write_evaluation(options.out, metrics, classes,
                   evaluation_report(metrics, *data.scheme, gallery, options.inference.decode(),
                                     printable(file.string()) + " on " + printable(images)));
  if (!options.json) {
    std::printf(
        "wrote metrics.json, classes.csv, confusion.csv, confusion.png and report.html to "
        "%s\n",
        printable(options.out).c_str());
  }
}

}  // namespace

void add_segment_eval(CLI::App& segment, CommandLine& line) {
  CLI::App* const command = segment.add_subcommand(
      "eval", "Measure how well a segmentor tells the pixels of held-out images apart");
  const auto options = std::make_shared<SegmentEvalOptions>();
  const std::function<void()> settle_data =
      add_data(*command, options->data,
               "Images with labels; of a folder with training and validation, validation");
  command->add_option("--labels", options->labels,
                      "Folder of label files, where --data is one of images");
  command->add_option("--out", options->out,
                      "Directory for metrics.json, tables, confusions and a report with pictures");
  numbers_of<std::int64_t>(command->add_option("--pictures", options->pictures,
                                               "Images in the report, of the worst and others"))
      ->check(not_negative())
      ->capture_default_str();
  add_json(*command, options->json);
  options->segmentor.add_to(*command);
  options->reading.add_to(*command);
  options->reading.add_sharing_to(*command);
  options->inference.add_upright_to(*command);
  add_example(*command, "convmae segment eval scenes --checkpoint segmentor --out evaluation");
  command->callback([options, settle_data, &line] {
    options->reading.join(line.processes);
    settle_data();
    run(*options, line.processes.is_first());
  });
}

}  // namespace convmae
