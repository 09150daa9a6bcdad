#include "convmae/base/quote.h"
#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/classify/classifier_batches.h"
#include "convmae/classify/evaluation_files.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/inference.h"
#include "convmae/cli/output.h"
#include "convmae/data/sources/classes.h"
#include "convmae/data/sources/image_subset.h"
#include "convmae/report/format.h"
#include "convmae/train/opened_images.h"
#include "convmae/train/run/checkpoint_store.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <functional>
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
  bool json = false;
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

void print(const ClassificationMetrics& metrics, const std::string& checkpoint,
           const std::string& images) {
  std::printf("%s on %s\n", printable(checkpoint).c_str(), images.c_str());
  std::printf(
      "top-1 %.3f %%  top-5 %.3f %%  loss %.4f  mean recall %.3f %%  calibration error %.3f "
      "%%\n",
      100 * metrics.top1(), 100 * metrics.top5(), metrics.loss(), 100 * metrics.mean_recall(),
      100 * metrics.calibration_error());
}

void print_as_json(const ClassificationMetrics& metrics, const std::vector<std::string>& classes,
                   const std::string& checkpoint, const std::string& images) {
  nlohmann::ordered_json json{{"checkpoint", checkpoint}, {"data", images}};
  json.update(evaluation_json(metrics, classes));
  print_json(json);
}

/// `is_first`: of several processes, which evaluate together, the one that has the results.
void run(const EvalOptions& options, bool is_first) {
  if (!options.out.empty()) require_evaluation_directory(options.out);
  const Compute compute = options.inference.start(options.reading.group());
  const std::filesystem::path file = model_file(options.checkpoint);
  const LoadedClassifier loaded = load_classifier(file, compute);
  const std::shared_ptr<const ImageSource> source =
      opened_labelled_images(options.data, Split::val, "--data", options.reading.most_left_out());
  const MatchedImages matched =
      match_classes(source, {loaded.classes, /*of_classifier=*/true, loaded.named}, "--data");
  for (const std::string& remark : matched.remarks) std::cerr << "convmae: " << remark << "\n";

  const bool confusions = !options.out.empty() && counts_confusions(std::ssize(matched.names));
  NotNumbers not_numbers;
  const ClassificationMetrics metrics = [&] {
    ImageProgress progress(source->size());
    const ImageReading reading = options.reading.reading(options.inference.decode(), progress);
    const std::unique_ptr<Loader> loader = evaluation_loader(reading, loaded.preprocessing, source);
    ClassificationMetrics counted = evaluate_classifier(
        *loaded.model, *loader, {loaded.preprocessing, compute}, matched.class_of, reading.progress,
        confusions ? Confusions::counted : Confusions::ignored, &not_numbers);
    not_numbers.require_none("the classifier", *loaded.model);
    sum_counters_over_processes(reading, counted);
    options.reading.tell_of_others(reading);
    return counted;
  }();
  if (!is_first) return;

  const std::string images = description_of(*source, metrics.images());
  if (options.json) {
    print_as_json(metrics, matched.names, file.string(), images);
  } else {
    print(metrics, file.string(), images);
    if (options.per_class) print_classes(metrics, matched.names);
  }
  if (at_chance(metrics)) {
    std::cerr << "convmae: warning: this is no better than a blind guess among "
              << metrics.num_classes()
              << " classes: check that the checkpoint is fine-tuned and numbers its classes as the "
                 "data does\n";
  }
  if (!options.out.empty()) {
    write_evaluation(options.out, metrics, matched.names);
    if (!options.json) {
      std::printf("wrote eval.json%s to %s\n",
                  confusions ? ", confusion.csv and confusion.png"
                             : " without confusion.csv and confusion.png, of too many classes,",
                  printable(options.out).c_str());
    }
  }
}

}  // namespace

void add_eval(CLI::App& app, CommandLine& line) {
  CLI::App* const command =
      app.add_subcommand("eval", "Measure how well a classifier tells held-out images apart");
  const auto options = std::make_shared<EvalOptions>();
  command
      ->add_option("--checkpoint", options->checkpoint,
                   "Fine-tuned weights or checkpoint, or the directory of a run")
      ->required();
  const std::function<void()> settle_data =
      add_data(*command, options->data, "Images with classes; of a folder with train and val, val");
  command->add_option("--out,--output_dir", options->out,
                      "Directory for eval.json, confusion.csv and confusion.png");
  command->add_flag("--per_class", options->per_class, "Print recall and precision of each class");
  add_json(*command, options->json);
  options->reading.add_batch_size(*command);
  options->reading.add_to(*command);
  options->reading.add_sharing_to(*command);
  options->inference.add_to(*command);
  add_example(*command, "convmae eval photos --checkpoint classifier --per_class");
  command->callback([options, settle_data, &line] {
    options->reading.join(line.processes);
    settle_data();
    run(*options, line.processes.is_first());
  });
}

}  // namespace convmae
