#pragma once

#include "convmae/detect/matcher.h"
#include "convmae/detect/object_targets.h"
#include "convmae/detect/proposals.h"
#include "convmae/detect/sampler.h"

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

namespace convmae {

/// What the anchors of an image are to be.
struct AnchorTargets {
  BoxMatches matches;        ///< of all anchors
  LabelSubsample sampled;    ///< those that the loss looks at; positive ones are ascending
  at::Tensor target_deltas;  ///< [positive, 4]: from the anchor to its object
};

/// `anchors` [A, 4] of all levels; `draw` chooses which of them the loss looks at.
AnchorTargets anchor_targets(const at::Tensor& anchors, const ObjectTargets& objects,
                             const ProposalConfig& config, const SubsetDraw& draw);

struct ProposalLosses {
  at::Tensor cls;  ///< []: binary cross entropy
  at::Tensor loc;  ///< []: of the positive anchors' differences
};

/// Sums over the anchors that were chosen in all images, divided by the number that could have been
/// (`batch` times images), float32.
ProposalLosses proposal_losses(const AnchorOutput& output, std::span<const AnchorTargets> targets,
                               const ProposalConfig& config, double smooth_l1_beta);

}  // namespace convmae
