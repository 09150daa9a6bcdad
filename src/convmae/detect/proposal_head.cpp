#include "convmae/detect/proposal_head.h"

#include <ATen/ATen.h>

#include <string>

namespace convmae {

ProposalHead::ProposalHead(const DetectorConfig& config) {
  const std::vector<std::int64_t>& widths = config.proposals.conv_dims;
  std::int64_t in = config.out_channels;
  const auto same_size = [&](std::int64_t out) {
    return std::make_shared<Convolution>(
        ConvolutionConfig{in, out, /*kernel=*/3, /*stride=*/1, /*padding=*/1});
  };
  if (widths.size() == 1) {
    convolutions_.push_back(register_module("conv", same_size(widths[0])));
    in = widths[0];
  } else {
    const auto list = register_module("conv", std::make_shared<torch::nn::Module>());
    for (const std::int64_t width : widths) {
      convolutions_.push_back(
          list->register_module("conv" + std::to_string(convolutions_.size()), same_size(width)));
      in = width;
    }
  }
  const std::int64_t anchors = anchors_per_place(config);
  logits_ = register_module("objectness_logits",
                            std::make_shared<Convolution>(ConvolutionConfig{in, anchors}));
  deltas_ = register_module("anchor_deltas",
                            std::make_shared<Convolution>(ConvolutionConfig{in, 4 * anchors}));
}

AnchorOutput ProposalHead::forward(const std::vector<at::Tensor>& levels) {
  AnchorOutput output;
  for (at::Tensor x : levels) {
    for (const auto& convolution : convolutions_) x = convolution->forward(x).relu_();
    output.logits.push_back(logits_->forward(x));
    output.deltas.push_back(deltas_->forward(x));
  }
  return output;
}

}  // namespace convmae
