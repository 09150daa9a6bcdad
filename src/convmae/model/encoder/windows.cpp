#include "convmae/model/encoder/windows.h"

#include <ATen/ATen.h>

namespace convmae {
namespace {

std::int64_t windows_along(std::int64_t cells, std::int64_t side) {
  return (cells + side - 1) / side;
}

/// `count` more places at the end of dimension `dim` of x [B, H, W, C], each `value` [C].
at::Tensor padded(const at::Tensor& x, std::int64_t dim, std::int64_t count,
                  const at::Tensor& value) {
  if (count == 0) return x;
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape[static_cast<std::size_t>(dim)] = count;
  return at::cat({x, value.to(x.scalar_type()).expand(shape)}, dim);
}

/// [windows, query, key]: low where the last of the windows along a side has query and key on
/// different sides of the border.
at::Tensor regions_along(std::int64_t windows, const Window& window) {
  constexpr double kLow = -1e9;
  const at::Tensor beyond = at::arange(window.side, at::kLong) >= window.side - window.shift;
  const at::Tensor apart = beyond.unsqueeze(1) != beyond.unsqueeze(0);
  at::Tensor low = at::zeros({windows, window.side, window.side}, at::kFloat);
  low[windows - 1].masked_fill_(apart, kLow);
  return low;
}

}  // namespace

WindowRegions window_regions(Size map, const Window& window, std::int64_t images,
                             std::int64_t heads) {
  const std::int64_t side = window.side;
  const std::int64_t down = windows_along(map.height, side);
  const std::int64_t across = windows_along(map.width, side);
  // Image, window's row and column, head, query's row and column, key's row or column.
  const std::vector<std::int64_t> shape{images, down, across, heads, side, side, side};
  const auto flat = [&](const at::Tensor& low) {
    return low.expand(shape).reshape({images * down * across, heads, side * side, side});
  };
  return {flat(regions_along(down, window).view({1, down, 1, 1, side, 1, side})),
          flat(regions_along(across, window).view({1, 1, across, 1, 1, side, side}))};
}

at::Tensor window_partition(const at::Tensor& x, std::int64_t side, const at::Tensor& padding) {
  const std::int64_t down = windows_along(x.size(1), side);
  const std::int64_t across = windows_along(x.size(2), side);
  const at::Tensor wide = padded(x, 2, across * side - x.size(2), padding);
  return padded(wide, 1, down * side - x.size(1), padding)
      .view({x.size(0), down, side, across, side, x.size(3)})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({-1, side, side, x.size(3)});
}

at::Tensor window_merge(const at::Tensor& windows, Size map) {
  const std::int64_t side = windows.size(1);
  const std::int64_t down = windows_along(map.height, side);
  const std::int64_t across = windows_along(map.width, side);
  TORCH_CHECK(windows.size(0) % (down * across) == 0, windows.size(0), " windows are no maps of ",
              down, "x", across, " windows");
  return windows.view({-1, down, across, side, side, windows.size(3)})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({-1, down * side, across * side, windows.size(3)})
      .narrow(1, 0, map.height)
      .narrow(2, 0, map.width);
}

}  // namespace convmae
