#include "convmae/classify/classifier_run.h"

#include "convmae/classify/accuracy_observer.h"
#include "convmae/classify/classifier_report.h"
#include "convmae/train/batches.h"

#include <memory>
#include <optional>
#include <string>

namespace convmae {
namespace {

std::string title_of(const ClassifierRun& its) {
  return (its.head == ClassifierHead::probe ? "Linear probe of " : "Fine-tuning ") +
         to_string(its.options.model_config.method) + " " + its.options.model;
}

}  // namespace

int train_classifier(const ClassifierRun& its) {
  std::optional<AccuracyObserver> accuracy;
  RunParts parts{.open_batches = its.open_batches,
                 .observers = {},
                 .write_report =
                     [&its](RunStatus status, const std::string& note) {
                       write_classifier_report(its.run.paths(), its.run.log(),
                                               its.run.facts(title_of(its), status, note),
                                               std::ssize(its.images.classes));
                     },
                 .write_weights = its.write_weights};
  if (its.images.held_out) {
    accuracy.emplace(its.run, its.options, its.images.held_out->source, its.evaluate,
                     its.should_know_classes);
    parts.observers = {&*accuracy};
  }
  return its.run.train(parts);
}

ClassificationMetrics evaluate_held_out(Run& run, const ClassifierOptions& options,
                                        const LabelledImages& held_out, Classifier& classifier) {
  const ImageReading reading = run.reading_of_all(held_out.source->size(), "held-out images");
  const std::unique_ptr<Loader> loader =
      evaluation_loader(reading, preprocessing_of(options), held_out.source);
  ClassificationMetrics metrics =
      evaluate_classifier(classifier, *loader, classifier_input(options, run.compute()),
                          held_out.class_of, reading.progress);
  sum_counters_over_processes(reading, metrics);
  return metrics;
}

}  // namespace convmae
