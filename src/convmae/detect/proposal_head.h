#pragma once

#include "convmae/detect/detector_config.h"
#include "convmae/model/dense/convolution.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <vector>

namespace convmae {

/// What the proposal head says of the anchors of each level.
struct AnchorOutput {
  std::vector<at::Tensor> logits;  ///< [B, A, H_l, W_l]: whether there is an object
  std::vector<at::Tensor> deltas;  ///< [B, 4A, H_l, W_l]: channel = anchor * 4 + coordinate
};

/// The head of the region proposal network (arXiv 1506.01497, as detectron2 has it): convolutions
/// of 3 with ReLU, the same for all levels, then one of 1 for the logits and one for the boxes.
/// `conv`, or `conv.conv0`, `conv.conv1`, ...; `objectness_logits`, `anchor_deltas`.
class ProposalHead : public torch::nn::Module {
 public:
  explicit ProposalHead(const DetectorConfig& config);

  AnchorOutput forward(const std::vector<at::Tensor>& levels);

 private:
  std::vector<std::shared_ptr<Convolution>> convolutions_;
  std::shared_ptr<Convolution> logits_;
  std::shared_ptr<Convolution> deltas_;
};

}  // namespace convmae
