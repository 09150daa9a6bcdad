#pragma once

#include "convmae/base/geometry.h"
#include "convmae/detect/detector_config.h"
#include "convmae/detect/proposal_head.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <span>
#include <vector>

namespace convmae {

/// Whether a pass is one of training, which has numbers of its own.
enum class PassMode { training, inference };

/// The boxes of an image that may show an object, best first.
struct Proposals {
  at::Tensor boxes;   ///< [P, 4] float32
  at::Tensor logits;  ///< [P] float32
};

/// The anchors of levels [B, ..., H_l, W_l]: [H_l * W_l * A, 4] each.
std::vector<at::Tensor> anchors_of(const std::vector<at::Tensor>& levels,
                                   const DetectorConfig& config);

/// Weights as box transforms have them.
std::array<double, 4> transform_weights(const std::vector<double>& weights);

/// Anchors' logits and differences of an image [A, H, W], [4A, H, W], in the order of anchors:
/// [H * W * A] and [H * W * A, 4], float32.
at::Tensor logits_by_anchor(const at::Tensor& logits);
at::Tensor deltas_by_anchor(const at::Tensor& deltas);

/// The proposals of each image (Faster R-CNN, arXiv 1506.01497, as detectron2 has it): of each
/// level the best anchors, moved, cut off at the image's own size, without those that have no area
/// or are no numbers; suppressed within levels; the best of all. Without gradient.
std::vector<Proposals> propose(const AnchorOutput& output, const std::vector<at::Tensor>& anchors,
                               std::span<const Size> images, const ProposalConfig& config,
                               PassMode mode);

}  // namespace convmae
