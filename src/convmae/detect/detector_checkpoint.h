#pragma once

#include "convmae/checkpoint/checkpoint_file.h"
#include "convmae/coco/dataset.h"
#include "convmae/detect/detector.h"
#include "convmae/io/weights.h"
#include "convmae/model/compute.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <memory>
#include <vector>

namespace convmae {

/// How a file of this program describes a detector (CheckpointInfo::task): its configuration, and
/// the categories that its classes are, with the ids that they have in the annotations.
nlohmann::ordered_json task_of(const DetectorConfig& config,
                               const std::vector<coco::Category>& categories);

/// Whether a file of this program describes a detector.
bool describes_detector(const CheckpointInfo& info);

/// What such a description says.
struct DescribedDetector {
  DetectorConfig config;
  std::vector<coco::Category> categories;  ///< one a class
};
/// Throws UserError, naming the file, if it describes none, or badly.
DescribedDetector described_detector(const std::filesystem::path& file, const CheckpointInfo& info);

/// Throws UserError unless a file of ours describes a detector and holds every tensor of it.
void expect_detector(const WeightFile& file, const CheckpointInfo& info);

/// A detector with its weights, ready to use.
struct LoadedDetector {
  std::shared_ptr<Detector> detector;      ///< placed, in evaluation mode
  std::vector<coco::Category> categories;  ///< one a class
  bool named = true;                       ///< whether they are known; if not, they are numbers
  Preprocessing preprocessing;             ///< its size is that of the network's input
};

/// The detector in a file of ours, which describes it, or in the directory of a run (model_file),
/// or in any other file with published names, whose shapes do: then images are normalised as usual,
/// and 80 classes are COCO's, others are numbered from 0. Throws UserError if the file is damaged
/// or holds no detector.
LoadedDetector load_detector(const std::filesystem::path& path, const Compute& compute = {});

}  // namespace convmae
