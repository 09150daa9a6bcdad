#pragma once

#include "convmae/detect/roi_heads.h"
#include "convmae/detect/roi_targets.h"

#include <ATen/core/Tensor.h>

#include <span>

namespace convmae {

struct BoxLosses {
  at::Tensor cls;      ///< []: cross entropy, the mean over all sampled boxes
  at::Tensor box_reg;  ///< []: of the foreground's differences, their sum by all sampled boxes
};

/// `output` has the sampled boxes of all images, one after the other. float32. Without any box both
/// are 0, and every parameter behind them has a gradient of zeros: several processes wait for each
/// other's.
BoxLosses box_losses(const BoxOutput& output, std::span<const RoiTargets> targets,
                     double smooth_l1_beta);

/// The masks [R, M, M], float32, that logits [R, K, M, M] have for classes [R] int64 in host
/// memory.
at::Tensor masks_of_classes(const at::Tensor& logits, const at::Tensor& classes);

/// The mean binary cross entropy of the masks of the boxes' own classes: logits [R, K, M, M],
/// classes [R] int64, masks [R, M, M]. float32. The same without any.
at::Tensor mask_loss(const at::Tensor& logits, const at::Tensor& classes, const at::Tensor& masks);

}  // namespace convmae
