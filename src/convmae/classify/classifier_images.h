#pragma once

#include "convmae/classify/classifier_batches.h"
#include "convmae/classify/finetune_options.h"
#include "convmae/model/compute.h"
#include "convmae/train/run/run.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// What a classifier is trained and tested on.
struct ClassifierImages {
  std::vector<std::string> classes;
  std::vector<std::int64_t> class_of;      ///< of the training images: 0, 1, ...
  std::optional<LabelledImages> held_out;  ///< where the options name some
};

/// With the run's training images open: takes their classes and opens the held-out images. A probe
/// leaves out those of unknown classes. Throws UserError where classes do not match.
ClassifierImages open_classifier_images(Run& run, const ClassifierOptions& options,
                                        ClassifierHead head);

/// The classifier that the options and the classes ask for.
ClassifierConfig classifier_config(const ClassifierOptions& options, ClassifierHead head,
                                   const std::vector<std::string>& classes);

/// How the options make a batch the encoder's input.
ImageInput classifier_input(const ClassifierOptions& options, const Compute& compute);

/// Random weights, then those of --init, of which the run says what was taken. Returns whether they
/// have a head for these classes.
bool initialise_weights(Run& run, Classifier& classifier, const ClassifierOptions& options,
                        const std::vector<std::string>& classes);

}  // namespace convmae
