#include "convmae/ops/kernels/dispatch.h"
#include "convmae/ops/roi_align_passes.h"
#include "convmae/ops/roi_cells.h"

#include <ATen/ops/_embedding_bag_forward_only.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <vector>

namespace convmae::ops::roi {
namespace {

using at::Tensor;

/// Weighted sums of rows of numbers: sum s is of the places from begin[s] to begin[s + 1].
template <typename T>
struct Sums {
  std::vector<int64_t> begin{0};
  std::vector<int64_t> place;
  std::vector<T> weight;

  int64_t count() const { return static_cast<int64_t>(begin.size()) - 1; }
};

/// Every cell as a sum of pixels.
template <typename T>
Sums<T> sums_of_pixels(const RoiCells<T>& cells, at::IntArrayRef map, const RoiGrid& grid) {
  Sums<T> sums;
  const RoiAxis<T>& rows = cells.rows;
  const RoiAxis<T>& columns = cells.columns;
  const auto* images = cells.images.template const_data_ptr<int64_t>();
  for (int64_t line = 0; line < cells.images.numel() * grid.height; ++line) {
    const int64_t roi = line / grid.height;
    for (int64_t cell = roi * grid.width; cell < (roi + 1) * grid.width; ++cell) {
      for (int64_t i = rows.begin[line]; i < rows.begin[line + 1]; ++i) {
        for (int64_t j = columns.begin[cell]; j < columns.begin[cell + 1]; ++j) {
          sums.place.push_back((images[roi] * map[2] + rows.pixel[i]) * map[3] + columns.pixel[j]);
          sums.weight.push_back(rows.weight[i] * columns.weight[j]);
        }
      }
      sums.begin.push_back(static_cast<int64_t>(sums.place.size()));
    }
  }
  return sums;
}

/// The transpose: `count` sums, one for each place, of the sums that it is part of.
template <typename T>
Sums<T> transposed(const Sums<T>& sums, int64_t count) {
  Sums<T> turned;
  turned.begin.assign(static_cast<size_t>(count) + 1, 0);
  for (const int64_t place : sums.place) ++turned.begin[place + 1];
  for (int64_t i = 0; i < count; ++i) turned.begin[i + 1] += turned.begin[i];
  turned.place.resize(sums.place.size());
  turned.weight.resize(sums.place.size());
  std::vector<int64_t> next = turned.begin;
  for (int64_t sum = 0; sum < sums.count(); ++sum) {
    for (int64_t i = sums.begin[sum]; i < sums.begin[sum + 1]; ++i) {
      const int64_t to = next[sums.place[i]]++;
      turned.place[to] = sum;
      turned.weight[to] = sums.weight[i];
    }
  }
  return turned;
}

/// numbers [M, C] -> [sums, C].
template <typename T>
Tensor compute(const Sums<T>& sums, const Tensor& numbers) {
  constexpr int64_t kSum = 0;
  if (sums.place.empty() || numbers.size(1) == 0) {
    return at::zeros({sums.count(), numbers.size(1)}, numbers.options());
  }
  const auto there = [&](const auto& values) { return at::tensor(values).to(numbers.device()); };
  return std::get<0>(at::_embedding_bag_forward_only(
      numbers, there(sums.place), there(sums.begin), /*scale_grad_by_freq=*/false, kSum,
      /*sparse=*/false, there(sums.weight), /*include_last_offset=*/true));
}

/// Calls work(sums of pixels) for what the numbers are computed in.
template <typename Work>
Tensor with_sums(at::ScalarType type, at::IntArrayRef map, const Tensor& boxes,
                 const Tensor& images, const RoiGrid& grid, const Work& work) {
  const auto run = [&](auto zero) {
    using T = decltype(zero);
    return work(sums_of_pixels(roi_cells<T>(map, boxes.to(at::kCPU), images.to(at::kCPU), grid),
                               map, grid));
  };
  return type == at::kDouble ? run(0.0) : run(0.0F);
}

}  // namespace

Tensor reference_forward(const Tensor& map, const Tensor& boxes, const Tensor& images, double scale,
                         int64_t height, int64_t width, int64_t sampling_ratio, bool aligned) {
  const RoiGrid grid{scale, height, width, sampling_ratio, aligned};
  check_forward(map, boxes, images, grid);
  const Tensor pixels = channels_last(map);
  const Tensor cells =
      with_sums(pixels.scalar_type(), map.sizes(), boxes, images, grid,
                [&](const auto& sums) { return compute(sums, pixels.flatten(0, 2)); });
  return channels_first(cells.view({boxes.size(0), height, width, map.size(1)}), map.scalar_type());
}

Tensor reference_backward(const Tensor& grad, const Tensor& boxes, const Tensor& images,
                          at::IntArrayRef map, double scale, int64_t height, int64_t width,
                          int64_t sampling_ratio, bool aligned) {
  const RoiGrid grid{scale, height, width, sampling_ratio, aligned};
  check_backward(grad, boxes, images, map, grid);
  const Tensor cells = channels_last(grad);
  const Tensor pixels =
      with_sums(cells.scalar_type(), map, boxes, images, grid, [&](const auto& sums) {
        return compute(transposed(sums, map[0] * map[2] * map[3]), cells.flatten(0, 2));
      });
  return channels_first(pixels.view({map[0], map[2], map[3], map[1]}), grad.scalar_type());
}

// For every device that has nothing better.
TORCH_LIBRARY_IMPL(convmae, CompositeExplicitAutograd, library) {
  library.impl("roi_align", reference_forward);
  library.impl("roi_align_backward", reference_backward);
}

}  // namespace convmae::ops::roi
