#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/feature_flags.h"
#include "convmae/cli/help.h"
#include "convmae/cli/output.h"
#include "convmae/cli/validators.h"
#include "convmae/data/sources/classes.h"
#include "convmae/data/sources/image_subset.h"
#include "convmae/report/image_progress.h"
#include "convmae/train/opened_images.h"

#include <ATen/ATen.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace convmae {
namespace {

using Source = std::shared_ptr<const ImageSource>;

struct KnnCommand {
  FeatureFlags reading;
  std::string data;
  std::string eval_data;
  std::vector<std::int64_t> k{20, 200};
  double temperature = 0.07;
  bool json = false;
};

LabelledFeatures features_of(const FeatureModel& model, const Source& source,
                             const FeatureFlags& flags) {
  ImageProgress progress(source->size());
  const ImageReading reading = flags.reading(progress);
  LabelledFeatures features = labelled_features(model, source, reading);
  flags.tell_of_others(reading);
  return features;
}

std::string described(const Source& source, const LabelledFeatures& used) {
  return description_of(*source, used.labels.size(0));
}

void print(const KnnCommand& options, const std::vector<KnnScore>& scores, const std::string& bank,
           const std::string& queries) {
  if (options.json) {
    nlohmann::ordered_json json{
        {"images", bank}, {"queries", queries}, {"temperature", options.temperature}};
    for (const KnnScore& score : scores) {
      json["scores"].push_back({{"k", score.k}, {"top1", score.top1}, {"top5", score.top5}});
    }
    print_json(json);
    return;
  }
  std::printf("images:  %s\nqueries: %s\n%6s %8s %8s\n", bank.c_str(), queries.c_str(), "k",
              "top-1", "top-5");
  for (const KnnScore& score : scores) {
    std::printf("%6lld %7.2f%% %7.2f%%\n", static_cast<long long>(score.k), 100 * score.top1,
                100 * score.top5);
  }
}

/// The images to classify; data without a held-out part are `bank` again.
Source open_queries(const KnnCommand& options, const Source& bank) {
  const double most = options.reading.most_left_out();
  if (!options.eval_data.empty()) {
    return opened_labelled_images(options.eval_data, Split::val, "--eval_data", most);
  }
  const Source part = open_source(options.data, Split::val);
  if (part->account().place == bank->account().place) return bank;
  return told_labelled_images(part, "--data", most);
}

void run(const KnnCommand& options) {
  const FeatureModel model = options.reading.load_model();
  const Source bank =
      opened_labelled_images(options.data, Split::train, "--data", options.reading.most_left_out());
  const Source queries = open_queries(options, bank);
  const bool held_out = queries != bank;
  const auto tell = [](const std::string& text) { std::cerr << "convmae: " << text << "\n"; };
  std::ranges::for_each(doubts_about(bank->classes()), tell);
  std::optional<MatchedImages> matched;
  if (held_out) {
    matched = match_classes(queries, {classes_of(*bank, "--data")}, "the held-out data",
                            UnknownClasses::left_out);
    std::ranges::for_each(matched->remarks, tell);
  }
  if (!held_out && bank->size() < 2) {
    throw UserError(
        "--data has one image alone, which has no neighbours: give more images, or "
        "images to classify with --eval_data");
  }
  const LabelledFeatures known = features_of(model, bank, options.reading);
  if (!held_out) {
    print(options, knn_scores_leaving_one_out(known, options.k, options.temperature),
          described(bank, known), "the same, each among all others");
    return;
  }
  LabelledFeatures asked = features_of(model, matched->images, options.reading);
  asked.labels = at::tensor(matched->class_of).index_select(0, asked.labels);
  print(options, knn_scores(known, asked, options.k, options.temperature), described(bank, known),
        described(queries, asked));
}

}  // namespace

void add_knn(CLI::App& app, CommandLine& line) {
  CLI::App* const command = app.add_subcommand(
      "knn", "Judge an encoder without training: classify by the nearest neighbours of features");
  const auto options = std::make_shared<KnnCommand>();
  options->reading.add_to(*command);
  const std::function<void()> settle_data =
      add_data(*command, options->data, "Images with classes, which vote");
  command->add_option("--eval_data", options->eval_data,
                      "Images to classify [the held-out part of --data; without one, each image of "
                      "--data among all others]");
  numbers_of<std::int64_t>(command->add_option("--k", options->k, "Neighbours that vote"))
      ->delimiter(',')
      ->check(positive())
      ->capture_default_str();
  numbers_of<double>(
      command->add_option("--temperature", options->temperature, "Of the weights of votes"))
      ->check(positive())
      ->capture_default_str();
  add_json(*command, options->json);
  add_example(*command, "convmae knn photos --checkpoint run");
  command->callback([options, settle_data, &line] {
    options->reading.join(line.processes);
    settle_data();
    run(*options);
  });
}

}  // namespace convmae
