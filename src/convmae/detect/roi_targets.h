#pragma once

#include "convmae/detect/detector_config.h"
#include "convmae/detect/matcher.h"
#include "convmae/detect/object_targets.h"
#include "convmae/detect/sampler.h"

#include <ATen/core/Tensor.h>

#include <span>

namespace convmae {

/// The boxes of an image that heads learn from.
struct RoiTargets {
  BoxMatches matches;        ///< of the proposals, and behind them the objects themselves
  at::Tensor sampled;        ///< [S] int64: which of these, objects first
  at::Tensor boxes;          ///< [S, 4]
  at::Tensor classes;        ///< [S] int64, the number of classes for background
  at::Tensor objects;        ///< [S] int64: the object that each covers best; 0 without any
  at::Tensor foreground;     ///< [F] int64: rows of the sample that are objects
  at::Tensor target_deltas;  ///< [F, 4]: from their box to their object
};

/// proposals [P, 4]; `draw` chooses.
RoiTargets roi_targets(const at::Tensor& proposals, const ObjectTargets& objects,
                       const DetectorConfig& config, const SubsetDraw& draw);

/// What the mask head is to predict.
struct MaskTargets {
  at::Tensor rows;   ///< [M] int64: rows of the sample, foreground whose object has a mask
  at::Tensor masks;  ///< [M, side, side] uint8, 0 or 1
};

/// Of the sampled boxes of an image of that size. Polygons are drawn on the grid, pixels averaged
/// over its cells, as detectron2 does.
MaskTargets mask_targets(const RoiTargets& targets, const ObjectTargets& objects, Size image,
                         std::int64_t side);

}  // namespace convmae
