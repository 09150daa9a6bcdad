#include "convmae/detect/pooler.h"

#include "convmae/detect/boxes.h"
#include "convmae/ops/device.h"
#include "convmae/ops/roi_align.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include <cmath>

namespace convmae {

at::Tensor assign_levels(const at::Tensor& boxes, const PoolerConfig& config) {
  const at::NoGradGuard no_grad;
  // An inverted box goes where the small ones go.
  const at::Tensor side = box_area(boxes).clamp_min(0).sqrt();
  return (static_cast<double>(config.canonical_level) +
          (side / config.canonical_size + 1e-8).log2())
             .floor()
             .clamp(config.min_level, config.max_level)
             .to(at::kLong) -
         config.min_level;
}

at::Tensor pool_boxes(const std::vector<at::Tensor>& maps, const at::Tensor& boxes,
                      const at::Tensor& images, const PoolerConfig& config) {
  TORCH_CHECK(static_cast<std::int64_t>(maps.size()) == config.max_level - config.min_level + 1,
              "expected maps of levels ", config.min_level, " to ", config.max_level, ", found ",
              maps.size());
  const at::Tensor levels = assign_levels(boxes, config);
  std::vector<at::Tensor> rows;
  std::vector<at::Tensor> pooled;
  rows.reserve(maps.size());
  pooled.reserve(maps.size());
  double scale = std::exp2(-static_cast<double>(config.min_level));
  for (std::size_t level = 0; level < maps.size(); ++level, scale /= 2) {
    const at::Tensor& here =
        rows.emplace_back((levels == static_cast<std::int64_t>(level)).nonzero().squeeze(1));
    // Rows of numbers that lie as they are in memory, so that nothing is laid out anew below.
    const at::Device device = maps[level].device();
    pooled.push_back(ops::roi_align(maps[level], sent_to(device, boxes.index_select(0, here)),
                                    sent_to(device, images.index_select(0, here)), scale,
                                    config.output_size, config.sampling_ratio)
                         .permute({0, 2, 3, 1}));
  }
  const at::Tensor place = sent_to(maps.front().device(), at::cat(rows).argsort());
  return at::cat(pooled).index_select(0, place).permute({0, 3, 1, 2});
}

}  // namespace convmae
