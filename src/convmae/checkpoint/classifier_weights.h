#pragma once

#include "convmae/checkpoint/checkpoint_file.h"
#include "convmae/checkpoint/first_convolution.h"
#include "convmae/model/classifier.h"
#include "convmae/model/compute.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace convmae {

/// Takes a new classifier's weights from a file of any kind, ours or any other with published
/// names, of pretraining or of fine-tuning. A position table of another grid is interpolated, a
/// first convolution for another number of channels is adapted; a head is taken if it has the same
/// classes, by name where the file has names and in whichever order, else it stays new, and so does
/// a norm that the file does not have. `classes`: the names of the new classifier's; without them
/// the order is taken for theirs. Throws UserError if
/// another tensor of the encoder is missing or has another shape, and for run directories and
/// training checkpoints of ours, which are for --resume.
struct ClassifierInit {
  std::string text;         ///< what was done, for the console
  bool head_taken = false;  ///< so that the classifier should know its classes already
};
ClassifierInit initialise_classifier(const std::filesystem::path& path, Classifier& classifier,
                                     InChansInit in_chans_init,
                                     const std::vector<std::string>& classes = {});

/// What a file says about its encoder, by the names of the flags: sizes, and of a file of ours mean
/// and standard deviation. Throws UserError if the file holds no model of a known kind.
nlohmann::ordered_json encoder_settings(const std::filesystem::path& path);

/// The classifier that a file of this program describes. Throws UserError, naming the file, if it
/// describes none, or badly.
ClassifierConfig config_of_task(const std::filesystem::path& file, const CheckpointInfo& info);

/// How a file of this program describes a classifier (CheckpointInfo::task).
nlohmann::ordered_json task_of(const ClassifierConfig& config,
                               const std::vector<std::string>& classes);

/// A classifier with its weights, ready to use.
struct LoadedClassifier {
  std::shared_ptr<Classifier> model;
  Preprocessing preprocessing;
  std::vector<std::string> classes;
  bool named = true;  ///< whether the file says so; if not, they are numbers
};

/// The classifier in a file of ours, which describes it, or in any other file with
/// published names, whose shapes do: then classes are numbered and images are normalised as usual.
/// It is placed, and its encoder holds its weights in the type of `compute`, the one that images
/// are to come in. Throws UserError if the file is damaged or holds no classifier.
LoadedClassifier load_classifier(const std::filesystem::path& path, const Compute& compute = {});

}  // namespace convmae
