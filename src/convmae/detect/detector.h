#pragma once

#include "convmae/detect/anchor_targets.h"
#include "convmae/detect/detections.h"
#include "convmae/detect/detector_config.h"
#include "convmae/detect/detector_draws.h"
#include "convmae/detect/object_targets.h"
#include "convmae/detect/pooler.h"
#include "convmae/detect/proposal_head.h"
#include "convmae/detect/proposals.h"
#include "convmae/detect/pyramid_backbone.h"
#include "convmae/detect/roi_heads.h"
#include "convmae/detect/roi_targets.h"
#include "convmae/model/named_tensors.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace convmae {

/// How boxes are pooled for a head that looks at `output_size` x `output_size` cells.
PoolerConfig pooler_of(const DetectorConfig& config, std::int64_t output_size);

/// What a pass makes of images before it looks at boxes.
struct ProposalPass {
  std::vector<at::Tensor> levels;   ///< p2 to p6, [B, C, H_l, W_l]
  std::vector<at::Tensor> anchors;  ///< of each level [H_l * W_l * A, 4]
  AnchorOutput output;
  std::vector<Proposals> proposals;  ///< of each image
};

/// Boxes of all images, one image after the other, and what the heads make of them.
struct BoxPass {
  at::Tensor boxes;     ///< [R, 4]
  at::Tensor images;    ///< [R] int64: the image of each
  at::Tensor pooled;    ///< [R, C, S, S]
  at::Tensor features;  ///< [R, F]
  BoxOutput output;
};

struct MaskPass {
  at::Tensor pooled;  ///< [R, C, S, S]
  at::Tensor logits;  ///< [R, K, 2S, 2S]
};

/// All that training computes on the way to its losses.
struct TrainingPass {
  ProposalPass proposals;
  std::vector<AnchorTargets> anchor_targets;
  std::vector<RoiTargets> roi_targets;
  BoxPass boxes;
  std::vector<MaskTargets> mask_targets;  ///< empty without a mask head
  MaskPass masks;                         ///< undefined without a mask head
  /// `loss_rpn_cls`, `loss_rpn_loc`, `loss_cls`, `loss_box_reg` and, with a mask head, `loss_mask`:
  /// each [] float32, finite also where there is nothing to look at.
  NamedTensors losses;
};

struct InferencePass {
  ProposalPass proposals;
  BoxPass boxes;
  std::vector<Detections> detections;  ///< of each image
  MaskPass masks;                      ///< of the detections of all images, undefined without any
};

/// How a training pass is computed.
struct TrainingPassOptions {
  double drop_path_rate = 0;
  /// The stages of the encoder whose activations are computed once more in the backward pass: less
  /// memory for more time.
  std::array<bool, 3> recompute{};
};

/// Mask R-CNN (arXiv 1703.06870) upon a ConvMAE encoder, as both published detectors have it.
/// Parameters have the published names.
///
/// Images [B, C, H, W] are normalised, in the type that encoder, pyramid and heads are to compute
/// in (losses, boxes and scores are float32), and of a size that the configuration's strides and
/// windows divide. `sizes` are the parts of them, from the upper left corner, that are no padding:
/// boxes are cut off there.
class Detector : public torch::nn::Module {
 public:
  /// With uninitialised parameters. The configuration must be valid.
  explicit Detector(const DetectorConfig& config);

  /// The losses of a batch, by name; their sum is minimised. `targets` has one entry an image,
  /// which may have no object. The key decides all draws. Batch norm in training mode remembers
  /// statistics until `commit_statistics` or `discard_statistics` (model/dense/batch_norm.h).
  NamedTensors losses(const at::Tensor& images, std::span<const Size> sizes,
                      std::span<const ObjectTargets> targets, const BatchKey& key,
                      const TrainingPassOptions& options = {});
  /// What is found in each image. In evaluation mode, without gradient.
  std::vector<Detections> detect(const at::Tensor& images, std::span<const Size> sizes);

  /// The same with given draws, and with all that is computed on the way.
  TrainingPass train_on(const at::Tensor& images, std::span<const Size> sizes,
                        std::span<const ObjectTargets> targets, const TrainingDraws& draws,
                        std::array<bool, 3> recompute = {});
  InferencePass infer(const at::Tensor& images, std::span<const Size> sizes);

  const DetectorConfig& config() const { return config_; }
  /// Decides from here on which boxes are detections.
  void choose_by(const DetectionConfig& detection) { config_.detection = detection; }

  /// Sets every parameter as the published code does at start (`initialise_detector`).
  void initialise(std::uint64_t seed);

 private:
  ProposalPass propose_boxes(const at::Tensor& images, std::span<const Size> sizes, PassMode mode,
                             const EncoderOptions& options);
  BoxPass look_at_boxes(const std::vector<at::Tensor>& levels,
                        const std::vector<at::Tensor>& boxes);
  MaskPass look_at_masks(const std::vector<at::Tensor>& levels, const at::Tensor& boxes,
                         const at::Tensor& images);
  void add_mask_loss(std::span<const ObjectTargets> targets, Size image, TrainingPass& pass);

  DetectorConfig config_;
  std::shared_ptr<PyramidBackbone> backbone_;
  std::shared_ptr<ProposalHead> proposal_head_;
  std::shared_ptr<BoxHead> box_head_;
  std::shared_ptr<BoxPredictor> box_predictor_;
  std::shared_ptr<MaskHead> mask_head_;  ///< null without masks
};

}  // namespace convmae
