#include "convmae/segment/segmentation_heads.h"

#include "convmae/model/encoder/module_list.h"
#include "convmae/model/initialise.h"

#include <ATen/ATen.h>

#include <cmath>
#include <string>
#include <utility>

namespace convmae {
namespace {

constexpr double kNormEps = 1e-5;

/// Bilinearly, between the centres of pixels.
at::Tensor resized_as(const at::Tensor& map, const at::Tensor& other) {
  return at::upsample_bilinear2d(map, other.sizes().slice(2), /*align_corners=*/false);
}

}  // namespace

ConvolutionUnit::ConvolutionUnit(std::int64_t in, std::int64_t out, std::int64_t kernel)
    : convolution_(register_module(
          "conv", std::make_shared<Convolution>(ConvolutionConfig{
                      in, out, kernel, /*stride=*/1, /*padding=*/kernel / 2, /*bias=*/false}))),
      norm_(register_module("bn", std::make_shared<BatchNorm>(out, kNormEps))) {}

at::Tensor ConvolutionUnit::forward(const at::Tensor& x) {
  // The norm's gradient does not need what it gave.
  return norm_->forward(convolution_->forward(x)).relu_();
}

void ConvolutionUnit::initialise(std::uint64_t seed, const std::string& name) {
  const at::Tensor& weight = convolution_->weight;
  const std::int64_t fan_out = weight.numel() / weight.size(1);
  initialise_normal(weight, seed, name + ".conv.weight",
                    std::sqrt(2 / static_cast<double>(fan_out)));
}

SegmentationHead::SegmentationHead(std::int64_t channels, std::int64_t num_classes)
    : conv_seg_(register_module("conv_seg", std::make_shared<Convolution>(ConvolutionConfig{
                                                channels, num_classes, /*kernel=*/1}))) {}

at::Tensor SegmentationHead::classify(const at::Tensor& features,
                                      const std::optional<at::Tensor>& dropout) const {
  if (!dropout) return conv_seg_->forward(features);
  const at::Tensor factors = dropout->to(features.options()).unsqueeze(-1).unsqueeze(-1);
  return conv_seg_->forward(features * factors);
}

void SegmentationHead::initialise_classes(std::uint64_t seed, const std::string& name) {
  constexpr double kDeviation = 0.01;
  const at::NoGradGuard no_grad;
  initialise_normal(conv_seg_->weight, seed, name + ".conv_seg.weight", kDeviation);
  conv_seg_->bias.zero_();
}

UperHead::UperHead(const std::vector<std::int64_t>& in, std::int64_t channels,
                   const std::vector<std::int64_t>& pool_scales, std::int64_t num_classes)
    : SegmentationHead(channels, num_classes), pool_scales_(pool_scales) {
  const std::int64_t coarsest = in.back();
  const std::int64_t finer = std::ssize(in) - 1;
  const std::int64_t scales = std::ssize(pool_scales);
  const auto unit = [channels](std::int64_t from, std::int64_t kernel) {
    return std::make_shared<ConvolutionUnit>(from, channels, kernel);
  };
  // Part 0 of each is the pooling, which has no parameters.
  const auto pools = register_list(*this, "psp_modules", scales, [](std::int64_t) {
    return std::make_shared<torch::nn::Module>();
  });
  for (const auto& pool : pools) pyramid_.push_back(pool->register_module("1", unit(coarsest, 1)));
  bottleneck_ = register_module("bottleneck", unit(coarsest + scales * channels, 3));
  lateral_ = register_list(*this, "lateral_convs", finer, [&](std::int64_t i) {
    return unit(in[static_cast<std::size_t>(i)], 1);
  });
  smooth_ =
      register_list(*this, "fpn_convs", finer, [&](std::int64_t) { return unit(channels, 3); });
  fpn_bottleneck_ = register_module("fpn_bottleneck", unit((finer + 1) * channels, 3));
}

at::Tensor UperHead::pooled(const at::Tensor& map) {
  std::vector<at::Tensor> parts{map};
  for (std::size_t i = 0; i < pyramid_.size(); ++i) {
    const std::int64_t bins = pool_scales_[i];
    parts.push_back(
        resized_as(pyramid_[i]->forward(at::adaptive_avg_pool2d(map, {bins, bins})), map));
  }
  return bottleneck_->forward(at::cat(parts, 1));
}

at::Tensor UperHead::forward(const std::vector<at::Tensor>& maps,
                             const std::optional<at::Tensor>& dropout) {
  TORCH_CHECK(maps.size() == lateral_.size() + 1, "a head of ", lateral_.size() + 1, " maps found ",
              maps.size());
  std::vector<at::Tensor> levels(maps.size());
  levels.back() = pooled(maps.back());
  for (std::size_t i = lateral_.size(); i-- > 0;) {
    const at::Tensor lateral = lateral_[i]->forward(maps[i]);
    levels[i] = lateral + resized_as(levels[i + 1], lateral);
  }
  for (std::size_t i = 0; i < smooth_.size(); ++i) levels[i] = smooth_[i]->forward(levels[i]);
  for (std::size_t i = 1; i < levels.size(); ++i) levels[i] = resized_as(levels[i], levels[0]);
  const at::Tensor all = levels.size() == 1 ? levels.front() : at::cat(levels, 1);
  levels.clear();
  return classify(fpn_bottleneck_->forward(all), dropout);
}

void UperHead::initialise(std::uint64_t seed, const std::string& name) {
  for (std::size_t i = 0; i < pyramid_.size(); ++i) {
    pyramid_[i]->initialise(seed, name + ".psp_modules." + std::to_string(i) + ".1");
  }
  bottleneck_->initialise(seed, name + ".bottleneck");
  for (std::size_t i = 0; i < lateral_.size(); ++i) {
    lateral_[i]->initialise(seed, name + ".lateral_convs." + std::to_string(i));
    smooth_[i]->initialise(seed, name + ".fpn_convs." + std::to_string(i));
  }
  fpn_bottleneck_->initialise(seed, name + ".fpn_bottleneck");
  initialise_classes(seed, name);
}

FcnHead::FcnHead(std::int64_t in, std::int64_t channels, std::int64_t num_classes)
    : SegmentationHead(channels, num_classes) {
  const auto list = register_module("convs", std::make_shared<torch::nn::Module>());
  unit_ = list->register_module("0", std::make_shared<ConvolutionUnit>(in, channels, /*kernel=*/3));
}

at::Tensor FcnHead::forward(const at::Tensor& map, const std::optional<at::Tensor>& dropout) {
  return classify(unit_->forward(map), dropout);
}

void FcnHead::initialise(std::uint64_t seed, const std::string& name) {
  unit_->initialise(seed, name + ".convs.0");
  initialise_classes(seed, name);
}

}  // namespace convmae
