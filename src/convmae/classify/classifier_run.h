#pragma once

#include "convmae/classify/classifier_images.h"
#include "convmae/metrics/classification_metrics.h"
#include "convmae/train/run/run.h"

#include <filesystem>
#include <functional>

namespace convmae {

/// A run that trains a classifier, whole or its head alone, when it has been started.
struct ClassifierRun {
  Run& run;
  const ClassifierOptions& options;
  const ClassifierImages& images;
  ClassifierHead head;
  bool should_know_classes = false;  ///< as initialise_weights returned
  OpenBatches open_batches;
  std::function<ClassificationMetrics()> evaluate;  ///< on the held-out images, if there are any
  /// As in RunParts.
  std::function<void(const std::filesystem::path&, const CheckpointInfo&)> write_weights;
};

/// Trains it and returns the exit code.
int train_classifier(const ClassifierRun& its);

/// Evaluates the classifier as it is on the held-out images, which there are.
ClassificationMetrics evaluate_held_out(Run& run, const ClassifierOptions& options,
                                        const LabelledImages& held_out, Classifier& classifier);

}  // namespace convmae
