#pragma once

#include "convmae/checkpoint/checkpoint_file.h"
#include "convmae/data/labels/crop_plan.h"
#include "convmae/data/labels/label_scheme.h"
#include "convmae/io/weights.h"
#include "convmae/model/compute.h"
#include "convmae/segment/segmentor.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <memory>

namespace convmae {

/// How images are looked at when a segmentor is tested, where nothing else is asked for.
struct TestSizes {
  Bounds bounds{};        ///< what images are resized to
  Size stride{341, 341};  ///< of windows as large as its crop
};

/// Windows that overlap by a third of the crop, as published.
Size default_stride(Size crop);

/// How a file of this program describes a segmentor (CheckpointInfo::task): its configuration,
/// which ids of label files its classes are, and how images are tested.
nlohmann::ordered_json task_of(const SegmentorConfig& config, const LabelScheme& scheme,
                               const TestSizes& test);

/// Whether a file of this program describes a segmentor.
bool describes_segmentor(const CheckpointInfo& info);

/// What such a description says.
struct DescribedSegmentor {
  SegmentorConfig config;
  LabelScheme scheme;
  TestSizes test;
};
/// Throws UserError, naming the file, if it describes none, or badly.
DescribedSegmentor described_segmentor(const std::filesystem::path& file,
                                       const CheckpointInfo& info);

/// Throws UserError unless a file of ours describes a segmentor and holds every tensor of it.
void expect_segmentor(const WeightFile& file, const CheckpointInfo& info);

/// A segmentor with its weights, ready to use.
struct LoadedSegmentor {
  std::shared_ptr<Segmentor> segmentor;  ///< placed, in evaluation mode
  std::shared_ptr<const LabelScheme> scheme;
  bool named = true;  ///< whether the file names its classes; if not, they are numbers
  Preprocessing preprocessing;
  TestSizes test;
};

/// The segmentor in a file of ours, which describes it, or in any other file with published names,
/// whose shapes do: then images are normalised as usual, and classes are numbers: of 150 the ids
/// are ADE20K's, 1 to 150 and 0 for pixels that count for nothing, of others the numbers
/// themselves. Throws UserError if the file is damaged or holds no segmentor.
LoadedSegmentor load_segmentor(const std::filesystem::path& path, const Compute& compute = {});

}  // namespace convmae
