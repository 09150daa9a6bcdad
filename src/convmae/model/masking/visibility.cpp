#include "convmae/model/masking/visibility.h"

#include "convmae/ops/device.h"

#include <ATen/ATen.h>

namespace convmae {
namespace {

/// Ranks [first, first + count) of every row of the noise, as block numbers.
at::Tensor blocks_of_ranks(const at::Tensor& order, std::int64_t first, std::int64_t count) {
  return order.narrow(1, first, count);
}

at::Tensor order_of(const at::Tensor& noise, Size grid) {
  TORCH_CHECK(noise.dim() == 2 && noise.size(1) == grid.height * grid.width, "noise must be [B, ",
              grid.height * grid.width, "], found ", noise.sizes());
  return noise.argsort(/*stable=*/true, /*dim=*/1, /*descending=*/false);
}

}  // namespace

at::Tensor Visibility::mask() const { return slot.flatten(1).lt(0).to(at::kFloat); }

Visibility Visibility::to(at::Device device) const {
  return {sent_to(device, kept), sent_to(device, slot), sent_to(device, removed)};
}

Visibility visibility_of(const at::Tensor& kept, Size grid) {
  TORCH_CHECK(kept.dim() == 2 && kept.scalar_type() == at::kLong && kept.is_cpu(),
              "kept must be [rows, V] int64 in host memory, found ", kept.sizes(), " ",
              kept.scalar_type(), " ", kept.device());
  const std::int64_t rows = kept.size(0);
  const std::int64_t visible = kept.size(1);
  const std::int64_t length = grid.height * grid.width;
  TORCH_CHECK(visible <= length, visible, " visible blocks of ", length);
  const at::Tensor numbers = kept.contiguous();
  Visibility result{at::empty({rows, visible}, kept.options()),
                    at::full({rows, grid.height, grid.width}, -1, kept.options()),
                    at::empty({rows, length - visible}, kept.options())};
  const auto* number = numbers.const_data_ptr<std::int64_t>();
  auto* slot = result.slot.mutable_data_ptr<std::int64_t>();
  auto* ascending = result.kept.mutable_data_ptr<std::int64_t>();
  auto* removed = result.removed.mutable_data_ptr<std::int64_t>();
  for (std::int64_t row = 0; row < rows; ++row, slot += length) {
    for (std::int64_t v = 0; v < visible; ++v, ++number) {
      TORCH_CHECK(*number >= 0 && *number < length && slot[*number] < 0, "block ", *number, " of ",
                  length, " is kept twice or there is none");
      slot[*number] = 0;
    }
    std::int64_t rank = 0;
    for (std::int64_t block = 0; block < length; ++block) {
      if (slot[block] < 0) {
        *removed++ = block;
      } else {
        *ascending++ = block;
        slot[block] = rank++;
      }
    }
  }
  return result;
}

Visibility all_visible(std::int64_t rows, Size grid, at::Device device) {
  const std::int64_t length = grid.height * grid.width;
  const at::Tensor all = at::arange(length, at::TensorOptions().dtype(at::kLong).device(device))
                             .expand({rows, length});
  return {all.contiguous(), all.contiguous().view({rows, grid.height, grid.width}),
          at::empty({rows, 0}, all.options())};
}

std::int64_t num_kept(std::int64_t length, double mask_ratio) {
  return static_cast<std::int64_t>(static_cast<double>(length) * (1 - mask_ratio));
}

Visibility sample_blocks(const at::Tensor& noise, std::int64_t count, Size grid) {
  return visibility_of(blocks_of_ranks(order_of(noise, grid), 0, count), grid);
}

std::vector<Visibility> sample_complementary(const at::Tensor& noise, std::int64_t groups,
                                             Size grid) {
  const at::Tensor order = order_of(noise, grid);
  const std::int64_t length = order.size(1);
  TORCH_CHECK(groups >= 2 && groups <= length, groups, " complementary masks of ", length,
              " blocks: 2 to ", length, " expected");
  const std::int64_t count = length / groups;
  const std::int64_t even = length % groups == 0 ? groups : groups - 1;
  std::vector<at::Tensor> views;
  for (std::int64_t g = 0; g < even; ++g) views.push_back(blocks_of_ranks(order, g * count, count));
  std::vector<Visibility> passes{visibility_of(at::cat(views), grid)};
  if (even < groups) {
    passes.push_back(
        visibility_of(blocks_of_ranks(order, even * count, length - even * count), grid));
  }
  return passes;
}

at::Tensor take_blocks(const at::Tensor& blocks, const at::Tensor& kept) {
  const std::int64_t images = blocks.size(0);
  TORCH_CHECK(images > 0 ? kept.size(0) % images == 0 : kept.size(0) == 0, kept.size(0),
              " rows of visible blocks for ", images, " images");
  const std::int64_t rows = kept.size(0);
  std::vector<std::int64_t> shape = blocks.sizes().vec();
  shape[0] = rows;
  shape[1] = kept.size(1);
  const at::Tensor image =
      at::arange(rows, kept.options()).remainder(std::max<std::int64_t>(images, 1)).unsqueeze(1);
  const at::Tensor index = (image * blocks.size(1) + kept).flatten();
  return blocks.flatten(0, 1).index_select(0, index).view(shape);
}

}  // namespace convmae
