#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/image_words.h"
#include "convmae/cli/inference.h"
#include "convmae/cli/output.h"
#include "convmae/cli/validators.h"
#include "convmae/detect/category_match.h"
#include "convmae/detect/detector_checkpoint.h"
#include "convmae/detect/prediction_files.h"
#include "convmae/report/image_progress.h"
#include "convmae/train/run/checkpoint_store.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace convmae {
namespace {

struct DetectPredictOptions {
  std::string checkpoint;
  ImageWords images;
  std::string out;
  std::string annotations;
  std::string format = "coco_results";
  double score_threshold = 0.5;
  std::int64_t max_detections = 100;
  bool no_pictures = false;
  bool json = false;
  ReadingFlags reading{1, "skip"};
  InferenceFlags inference;
};

PredictionSubject subject_of(const DetectPredictOptions& options, const LoadedDetector& loaded,
                             std::shared_ptr<const ImageSource> source) {
  PredictionSubject subject;
  subject.source = std::move(source);
  subject.folder = options.images.folder();
  subject.decode = options.inference.decode();
  subject.decode.channels = std::ssize(loaded.preprocessing.mean);
  for (const coco::Category& category : loaded.categories) subject.names.push_back(category.name);
  if (options.annotations.empty()) {
    subject.categories = loaded.categories;
    for (const coco::Category& category : loaded.categories) subject.ids.emplace_back(category.id);
    return subject;
  }
  subject.truth = std::make_shared<coco::Dataset>(coco::Dataset::read(options.annotations));
  CategoryMatch match = match_categories(loaded.categories, *subject.truth, "--annotations");
  for (const std::string& remark : match.remarks) std::cerr << "convmae: " << remark << "\n";
  subject.ids = std::move(match.ids);
  subject.categories = subject.truth->categories();
  for (std::size_t k = 0; k < subject.ids.size(); ++k) {
    if (loaded.named || !subject.ids[k]) continue;
    const std::optional<std::int32_t> same = subject.truth->find_category(*subject.ids[k]);
    subject.names[k] = subject.categories[static_cast<std::size_t>(*same)].name;
  }
  return subject;
}

void print(const PredictionFiles& files, const std::vector<std::string>& names, bool as_json) {
  std::int64_t objects = 0;
  for (const std::int64_t count : files.objects()) objects += count;
  if (as_json) {
    nlohmann::ordered_json by_class = nlohmann::ordered_json::object();
    for (std::size_t k = 0; k < names.size(); ++k) by_class[as_utf8(names[k])] = files.objects()[k];
    print_json({{"images", files.images()},
                {"objects", objects},
                {"by_class", by_class},
                {"file", files.list().string()},
                {"pictures", files.pictures().empty()
                                 ? nlohmann::ordered_json()
                                 : nlohmann::ordered_json(files.pictures().string())}});
    return;
  }
  std::printf("%s in %s\n", counted(objects, "object", "objects").c_str(),
              counted(files.images(), "image", "images").c_str());
  for (std::size_t k = 0; k < names.size(); ++k) {
    if (files.objects()[k] == 0) continue;
    std::printf("%8lld  %s\n", static_cast<long long>(files.objects()[k]), brief(names[k]).c_str());
  }
  std::printf("%s\n", printable(files.list().string()).c_str());
  if (!files.pictures().empty()) std::printf("%s\n", printable(files.pictures().string()).c_str());
  std::fflush(stdout);
}

int run(const DetectPredictOptions& options) {
  const PredictionFormat format = parse_prediction_format(options.format);
  const bool pictures = !options.no_pictures;
  PredictionFiles::require(options.out, pictures);
  const Compute compute = options.inference.start();
  const LoadedDetector loaded = load_detector(model_file(options.checkpoint), compute);
  DetectionConfig detection = loaded.detector->config().detection;
  detection.score_thresh = options.score_threshold;
  detection.topk_per_image = options.max_detections;
  loaded.detector->choose_by(detection);
  const std::shared_ptr<const ImageSource> source = options.images.open();
  PredictionSubject subject = subject_of(options, loaded, source);
  const std::vector<std::string> names = subject.names;
  PredictionFiles files(options.out, format, pictures, std::move(subject));
  UnusableImages unusable;
  {
    ImageProgress progress(source->size());
    ImageReading reading = options.reading.reading(options.inference.decode(), progress);
    unusable.count(reading);
    detect_images(*loaded.detector,
                  {test_recipe(loaded.detector->config()), loaded.preprocessing, compute}, source,
                  reading, [&](const FoundImage& found) { files.add(found); });
  }
  files.commit();
  print(files, names, options.json);
  const std::string advice = files.missing_fonts().advice();
  if (!advice.empty()) std::cerr << "convmae: warning: " << advice << "\n";
  return unusable.exit_code(source->size());
}

}  // namespace

void add_detect_predict(CLI::App& detect, CommandLine& line) {
  CLI::App* const command = detect.add_subcommand(
      "predict", "Find objects in images: pictures with boxes and masks, and COCO's files of them");
  const auto options = std::make_shared<DetectPredictOptions>();
  command
      ->add_option("--checkpoint", options->checkpoint,
                   "A detector: the directory of a run, its weights, or published ones")
      ->required();
  options->images.add_to(*command);
  command
      ->add_option("--out", options->out,
                   "Directory for pictures/ and a file of all objects, which must not be there yet")
      ->required();
  command->add_option("--annotations", options->annotations,
                      "What is to be found, in COCO's JSON format: drawn beside what is found");
  command
      ->add_option("--format", options->format,
                   "coco_results (detections.json), or coco (annotations.json, as of annotated "
                   "images: polygons, or run lengths where masks have holes)")
      ->check(CLI::IsMember({"coco_results", "coco"}))
      ->capture_default_str();
  numbers_of<double>(command->add_option("--score_threshold", options->score_threshold,
                                         "Leave out objects with a lower score"))
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  numbers_of<std::int64_t>(command->add_option("--max_detections", options->max_detections,
                                               "Objects of an image, the best ones"))
      ->check(positive())
      ->capture_default_str();
  command->add_flag("--no_pictures", options->no_pictures, "Write no pictures");
  add_json(*command, options->json);
  options->reading.add_batch_size(*command);
  options->reading.add_to(*command);
  options->inference.add_upright_to(*command);
  add_example(*command, "convmae detect predict --checkpoint detector --data photos --out found");
  command->callback([options, &line] { line.exit_code = run(*options); });
}

}  // namespace convmae
