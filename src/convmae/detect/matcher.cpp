#include "convmae/detect/matcher.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/max.h>
#include <ATen/ops/zeros.h>

namespace convmae {

BoxMatches match_boxes(const at::Tensor& quality, const MatcherConfig& config) {
  TORCH_CHECK(config.labels.size() == config.thresholds.size() + 1,
              "expected one label more than thresholds");
  TORCH_CHECK(quality.dim() == 2, "expected the quality of matches as [G, M], found ",
              quality.sizes());
  const auto numbers = quality.options().dtype(at::kLong);
  at::Tensor label = at::full({quality.size(1)}, config.labels.front(), numbers);
  if (quality.numel() == 0) return {at::zeros({quality.size(1)}, numbers), label};
  const auto [best, truth] = quality.max(0);
  for (std::size_t i = 0; i < config.thresholds.size(); ++i) {
    label.masked_fill_(best >= config.thresholds[i], config.labels[i + 1]);
  }
  if (config.allow_low_quality) {
    const at::Tensor highest = std::get<0>(quality.max(1, /*keepdim=*/true));
    label.masked_fill_((quality == highest).any(0), 1);
  }
  return {truth, label};
}

}  // namespace convmae
