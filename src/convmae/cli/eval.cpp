#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/inference.h"
#include "convmae/data/sources/image_subset.h"
#include "convmae/report/format.h"
#include "convmae/train/evaluation/classes.h"
#include "convmae/train/evaluation/classifier_batches.h"
#include "convmae/train/evaluation/evaluation_files.h"
#include "convmae/train/weights/classifier_weights.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

namespace convmae {
namespace {

struct EvalOptions {
  std::string checkpoint;
  std::string data;
  std::string out;
  bool per_class = false;
  ReadingFlags reading;
  InferenceFlags inference;
};

void print_classes(const ClassificationMetrics& metrics, const std::vector<std::string>& classes) {
  std::printf("%8s  %8s  %9s  class\n", "images", "recall", "precision");
  for (std::int64_t k = 0; k < metrics.num_classes(); ++k) {
    std::printf("%8lld  %8s  %9s  %s\n", static_cast<long long>(metrics.images_of(k)),
                format_share(metrics.recall(k)).c_str(), format_share(metrics.precision(k)).c_str(),
                brief(classes[static_cast<std::size_t>(k)]).c_str());
  }
}

void run(const EvalOptions& options) {
  if (!options.out.empty()) require_evaluation_directory(options.out);
  options.inference.use_threads();
  const at::ScalarType type = options.inference.type();
  const LoadedClassifier loaded = load_classifier(options.checkpoint, type);
  const std::shared_ptr<const ImageSource> source = open_source(options.data, Split::val);
  classes_of(*source, "--data");
  const std::vector<std::string> classes = named_classes(loaded.classes, *source);
  const std::vector<std::int64_t> class_of = match_classes(*source, classes, "--data");

  const ClassificationMetrics metrics = [&] {
    ImageProgress progress(source->size());
    const ImageReading reading = options.reading.reading(options.inference.decode(), progress);
    const std::unique_ptr<Loader> loader = evaluation_loader(reading, loaded.preprocessing, source);
    return evaluate_classifier(*loaded.model, *loader, {loaded.preprocessing, type}, class_of,
                               reading.progress,
                               options.out.empty() ? Confusions::ignored : Confusions::counted);
  }();

  std::printf("%s on %s\n", printable(loaded.file.string()).c_str(),
              description_of(*source, metrics.images()).c_str());
  std::printf(
      "top-1 %.3f %%  top-5 %.3f %%  loss %.4f  mean recall %.3f %%  calibration error %.3f "
      "%%\n",
      100 * metrics.top1(), 100 * metrics.top5(), metrics.loss(), 100 * metrics.mean_recall(),
      100 * metrics.calibration_error());
  if (options.per_class) print_classes(metrics, classes);
  if (at_chance(metrics)) {
    std::cerr << "convmae: warning: this is no better than a blind guess among "
              << metrics.num_classes()
              << " classes: check that the checkpoint is fine-tuned and numbers its classes as the "
                 "data does\n";
  }
  if (!options.out.empty()) {
    write_evaluation(options.out, metrics, classes);
    std::printf("wrote eval.json, confusion.csv and confusion.png to %s\n",
                printable(options.out).c_str());
  }
}

}  // namespace

void add_eval(CLI::App& app) {
  CLI::App* const command =
      app.add_subcommand("eval", "Measure how well a classifier tells held-out images apart");
  const auto options = std::make_shared<EvalOptions>();
  command
      ->add_option("--checkpoint", options->checkpoint,
                   "Fine-tuned weights or checkpoint, or the directory of a run")
      ->required();
  command
      ->add_option("--data,--data_path", options->data,
                   "Images with classes; of a folder with train and val, val")
      ->required();
  command->add_option("--out,--output_dir", options->out,
                      "Directory for eval.json, confusion.csv and confusion.png");
  command->add_flag("--per_class", options->per_class, "Print recall and precision of each class");
  options->reading.add_batch_size(*command);
  options->reading.add_to(*command);
  options->inference.add_to(*command);
  command->callback([options] { run(*options); });
}

}  // namespace convmae
