#pragma once

#include "convmae/data/decode/decode.h"
#include "convmae/data/sources/source.h"
#include "convmae/features/feature_model.h"
#include "convmae/features/knn.h"
#include "convmae/train/batches.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace convmae {

/// What is kept of each image.
struct FeatureSelection {
  std::vector<std::int64_t> stages;  ///< 1, 2, 3 in ascending order; MAE has 1 alone
  bool pooled = false;               ///< the mean over a map instead of the map
};

/// Writes the features of all images of `source` in its order, centre-cropped, as float32; what is
/// in memory does not grow with the number of images. By the ending of `out`:
/// - `.safetensors`: the tensors `stage1`, ... [N, C, H, W] or [N, C], and `labels` [N] int64 where
///   the source has labels;
/// - `.npy`: one array a stage; of several, NAME.npy becomes NAME.stage1.npy, ...
/// Beside them lies NAME.csv with the images' names and those of their classes. Returns the files.
/// Nothing appears unless all images can be read; images that are to be left out are found by
/// reading all of them once more, before. Throws UserError, also for another ending.
std::vector<std::filesystem::path> write_features(const FeatureModel& model,
                                                  std::shared_ptr<const ImageSource> source,
                                                  const FeatureSelection& selection,
                                                  ImageReading reading,
                                                  const std::filesystem::path& out);

/// The pooled features of all images that are not left out with their labels, in memory. Throws
/// UserError if an image has no label.
LabelledFeatures labelled_features(const FeatureModel& model,
                                   const std::shared_ptr<const ImageSource>& source,
                                   const ImageReading& reading);

}  // namespace convmae
