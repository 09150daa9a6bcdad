#include "convmae/model/dense/pyramids.h"

#include <ATen/ATen.h>

#include <string>

namespace convmae {
namespace {

constexpr int kFirstLevel = 2;

/// Every second place.
at::Tensor subsampled(const at::Tensor& map) {
  return at::max_pool2d(map, /*kernel_size=*/1, /*stride=*/2);
}

}  // namespace

FeaturePyramid::FeaturePyramid(const std::vector<std::int64_t>& in, std::int64_t out,
                               ConvolutionNorm norm) {
  int level = kFirstLevel;
  for (const std::int64_t channels : in) {
    const std::string number = std::to_string(level++);
    lateral_.push_back(
        register_module("fpn_lateral" + number,
                        std::make_shared<NormedConvolution>(channels, out, /*kernel=*/1, norm)));
    output_.push_back(register_module(
        "fpn_output" + number, std::make_shared<NormedConvolution>(out, out, /*kernel=*/3, norm)));
  }
}

std::vector<at::Tensor> FeaturePyramid::forward(const std::vector<at::Tensor>& maps) {
  TORCH_CHECK(!maps.empty() && maps.size() == lateral_.size(), "a pyramid of ", lateral_.size(),
              " maps found ", maps.size());
  std::vector<at::Tensor> levels(maps.size());
  at::Tensor sum;
  for (std::size_t i = maps.size(); i-- > 0;) {
    const at::Tensor lateral = lateral_[i]->forward(maps[i]);
    sum = sum.defined() ? lateral + at::upsample_nearest2d(
                                        sum, at::IntArrayRef{2 * sum.size(2), 2 * sum.size(3)})
                        : lateral;
    levels[i] = output_[i]->forward(sum);
  }
  levels.push_back(subsampled(levels.back()));
  return levels;
}

SimplePyramid::SimplePyramid(std::int64_t in, std::int64_t out) {
  int number = kFirstLevel;
  for (const int doublings : {2, 1, 0, -1}) {
    levels_.push_back(make_level(number++, doublings, in, out));
  }
}

SimplePyramid::Level SimplePyramid::make_level(int number, int doublings, std::int64_t in,
                                               std::int64_t out) {
  constexpr double kEps = 1e-6;
  auto parts =
      register_module("simfp_" + std::to_string(number), std::make_shared<torch::nn::Module>());
  int next = 0;
  const auto add = [&](auto part) {
    return parts->register_module(std::to_string(next++), std::move(part));
  };
  Level level;
  std::int64_t width = in;
  if (doublings >= 1) {
    level.first = add(std::make_shared<Upsampling>(width, width / 2));
    width /= 2;
  }
  if (doublings >= 2) {
    level.between = add(std::make_shared<LayerNorm>(width, kEps));
    ++next;  // GELU
    level.second = add(std::make_shared<Upsampling>(width, width / 2));
    width /= 2;
  }
  level.halved = doublings < 0;
  if (level.halved) ++next;  // the pooling
  constexpr auto kNorm = ConvolutionNorm::layer;
  level.reduce = add(std::make_shared<NormedConvolution>(width, out, /*kernel=*/1, kNorm));
  level.smooth = add(std::make_shared<NormedConvolution>(out, out, /*kernel=*/3, kNorm));
  return level;
}

at::Tensor SimplePyramid::level_of(const Level& level, at::Tensor x) {
  if (level.first) x = level.first->forward(x);
  if (level.second) x = level.second->forward(at::gelu(channel_norm(*level.between, x)));
  if (level.halved) x = at::max_pool2d(x, /*kernel_size=*/2, /*stride=*/2);
  return level.smooth->forward(level.reduce->forward(x));
}

std::vector<at::Tensor> SimplePyramid::forward(const at::Tensor& map) {
  std::vector<at::Tensor> result;
  result.reserve(levels_.size() + 1);
  for (const Level& level : levels_) result.push_back(level_of(level, map));
  result.push_back(subsampled(result.back()));
  return result;
}

FourthLevel::FourthLevel(std::int64_t dim)
    : convolution_(register_module("0", std::make_shared<Convolution>(ConvolutionConfig{
                                            dim, dim, /*kernel=*/3, /*stride=*/2}))),
      norm_(register_module("1", std::make_shared<BatchNorm>(dim, /*eps=*/1e-5))) {}

at::Tensor FourthLevel::forward(const at::Tensor& map) {
  return at::gelu(norm_->forward(convolution_->forward(map)));
}

}  // namespace convmae
