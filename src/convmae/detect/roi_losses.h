#pragma once

#include "convmae/detect/roi_heads.h"
#include "convmae/detect/roi_targets.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <span>

namespace convmae {

struct BoxLosses {
  at::Tensor cls;      ///< []: cross entropy, the mean over all sampled boxes
  at::Tensor box_reg;  ///< []: of the foreground's differences, their sum by all sampled boxes
};

/// `output` has the sampled boxes of all images, one after the other, at least one. float32.
BoxLosses box_losses(const BoxOutput& output, std::span<const RoiTargets> targets,
                     double smooth_l1_beta);

/// The mean binary cross entropy of the masks of the boxes' own classes: logits [R, K, M, M],
/// classes [R] int64, masks [R, M, M], at least one. float32.
at::Tensor mask_loss(const at::Tensor& logits, const at::Tensor& classes, const at::Tensor& masks);

/// 0, of which every parameter of the module has a gradient of zeros: the loss of a head that has
/// nothing to look at, where a mean would be none.
at::Tensor loss_of_nothing(const torch::nn::Module& module);

}  // namespace convmae
