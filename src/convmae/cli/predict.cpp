#include "convmae/base/quote.h"
#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/inference.h"
#include "convmae/cli/output.h"
#include "convmae/cli/validators.h"
#include "convmae/train/batches.h"
#include "convmae/train/finite.h"
#include "convmae/train/run/checkpoint_store.h"

#include <ATen/ATen.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace convmae {
namespace {

struct PredictOptions {
  std::string checkpoint;
  std::vector<std::string> images;
  std::int64_t top = 5;
  bool json = false;
  OneByOne bad_images{"skip"};
  InferenceFlags inference;
};

struct Guess {
  std::string name;
  std::int64_t number = 0;
  double probability = 0;
};

/// The most probable classes of an image, the best first. Throws UserError for logits that are no
/// numbers.
std::vector<Guess> guesses(const at::Tensor& logits, const LoadedClassifier& loaded,
                           std::int64_t top) {
  require_numbers(logits, "the classifier", *loaded.model);
  const at::Tensor shares = at::softmax(logits.to(at::kDouble).flatten(), 0);
  const auto [values, numbers] = shares.topk(std::min(top, shares.size(0)));
  std::vector<Guess> result;
  for (std::int64_t i = 0; i < values.size(0); ++i) {
    const auto number = numbers[i].item<std::int64_t>();
    result.push_back(
        {loaded.classes.at(static_cast<std::size_t>(number)), number, values[i].item<double>()});
  }
  return result;
}

void print_row(const std::string& image, const std::vector<Guess>& found) {
  std::printf("%s\n", printable(image).c_str());
  for (const Guess& guess : found) {
    std::printf("  %7.3f %%  %s\n", 100 * guess.probability, brief(guess.name).c_str());
  }
}

nlohmann::ordered_json row_json(const std::string& image, const std::vector<Guess>& found) {
  nlohmann::ordered_json row = {{"image", image}, {"classes", nlohmann::ordered_json::array()}};
  for (const Guess& guess : found) {
    row["classes"].push_back(
        {{"name", guess.name}, {"number", guess.number}, {"probability", guess.probability}});
  }
  return row;
}

int run(PredictOptions& options) {
  const Compute compute = options.inference.start();
  const LoadedClassifier loaded = load_classifier(model_file(options.checkpoint), compute);
  SampleTransform transform(evaluation_transform(loaded.preprocessing, options.inference.decode()));
  const at::NoGradGuard no_grad;
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const std::string& path : options.images) {
    options.bad_images.attempt(
        path,
        [&] {
          const at::Tensor logits =
              loaded.model->forward(read_image(transform, path).to(compute.device, compute.type));
          const std::vector<Guess> found = guesses(logits, loaded, options.top);
          if (options.json) {
            rows.push_back(row_json(path, found));
          } else {
            print_row(path, found);
          }
        },
        [&](const std::string& error) {
          if (options.json) {
            rows.push_back({{"image", path}, {"error", error}});
          } else {
            std::printf("%s\n  error: %s\n", printable(path).c_str(), printable(error).c_str());
          }
        });
  }
  if (options.json) print_json(rows);
  std::fflush(stdout);
  return options.bad_images.finish();
}

}  // namespace

void add_predict(CLI::App& app, CommandLine& line) {
  CLI::App* const command = app.add_subcommand("predict", "Say which classes images belong to");
  const auto options = std::make_shared<PredictOptions>();
  command
      ->add_option("--checkpoint", options->checkpoint,
                   "Fine-tuned weights or checkpoint, or the directory of a run")
      ->required();
  command->add_option("images", options->images, "JPEG, PNG, WebP, TIFF or .npy files")->required();
  numbers_of<std::int64_t>(command->add_option("--top", options->top, "Classes for each image"))
      ->check(positive())
      ->capture_default_str();
  command->add_flag("--json", options->json, "A JSON array instead of a table");
  options->bad_images.add_to(*command);
  options->inference.add_to(*command);
  add_example(*command, "convmae predict photos/cat/1.jpg --checkpoint classifier --top 3");
  command->callback([options, &line] { line.exit_code = run(*options); });
}

}  // namespace convmae
