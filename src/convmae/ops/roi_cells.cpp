#include "convmae/ops/roi_cells.h"

#include <c10/core/ScalarType.h>

#include <algorithm>
#include <cmath>

namespace convmae::ops {
namespace {

/// Pixels of neighbouring samples coincide: they are joined.
template <typename T>
void add_pixel(int64_t pixel, T weight, RoiAxis<T>& axis) {
  constexpr size_t kLookBack = 3;
  const size_t end = axis.pixel.size();
  const size_t begin = std::max(static_cast<size_t>(axis.begin.back()),
                                end < kLookBack ? size_t{0} : end - kLookBack);
  for (size_t i = begin; i < end; ++i) {
    if (axis.pixel[i] != pixel) continue;
    axis.weight[i] += weight;
    return;
  }
  axis.pixel.push_back(pixel);
  axis.weight.push_back(weight);
}

/// One sample of `count`, which is nothing outside and the nearest pixel at the border.
template <typename T>
void add_sample(T at, T count, int64_t pixels, RoiAxis<T>& axis) {
  if (at < -1 || at > static_cast<T>(pixels)) return;
  at = std::max(at, T(0));
  const auto pixel = static_cast<int64_t>(at);
  if (pixel >= pixels - 1) {
    add_pixel(pixels - 1, 1 / count, axis);
    return;
  }
  const T above = at - static_cast<T>(pixel);
  add_pixel(pixel, (1 - above) / count, axis);
  add_pixel(pixel + 1, above / count, axis);
}

/// The interval [low, high] of the boxes' coordinates in `cells` cells. In T and in torchvision's
/// order of operations: how many samples there are, and which lie outside, jumps with the last bit.
template <typename T>
void add_interval(T low, T high, int64_t cells, int64_t pixels, const RoiGrid& grid,
                  RoiAxis<T>& axis) {
  constexpr double kFarthest = 1 << 20;
  const auto scale = static_cast<T>(grid.scale);
  const T offset = grid.aligned ? T(0.5) : T(0);
  const T start = low * scale - offset;
  T size = high * scale - offset - start;
  if (!grid.aligned) size = std::max(size, T(1));
  TORCH_CHECK(std::abs(start) <= kFarthest && std::abs(size) <= kFarthest,
              "roi_align: expected finite boxes near the map, found one from ", low, " to ", high,
              " at a scale of ", grid.scale);
  const T cell_size = size / static_cast<T>(cells);
  const int64_t samples = grid.sampling_ratio > 0
                              ? grid.sampling_ratio
                              : std::max<int64_t>(0, static_cast<int64_t>(std::ceil(cell_size)));
  const auto count = static_cast<T>(samples);
  for (int64_t cell = 0; cell < cells; ++cell) {
    for (int64_t k = 0; k < samples; ++k) {
      add_sample(start + static_cast<T>(cell) * cell_size +
                     (static_cast<T>(k) + T(0.5)) * cell_size / count,
                 count, pixels, axis);
    }
    axis.begin.push_back(static_cast<int64_t>(axis.pixel.size()));
  }
}

}  // namespace

template <typename T>
RoiCells<T> roi_cells(at::IntArrayRef map, const at::Tensor& boxes, const at::Tensor& images,
                      const RoiGrid& grid) {
  RoiCells<T> cells{images.contiguous(), {}, {}};
  const at::Tensor corners = boxes.to(c10::CppTypeToScalarType<T>::value).contiguous();
  const T* box = corners.const_data_ptr<T>();
  const auto* image = cells.images.template const_data_ptr<int64_t>();
  for (int64_t roi = 0; roi < boxes.size(0); ++roi, box += 4) {
    TORCH_CHECK(image[roi] >= 0 && image[roi] < map[0], "roi_align: box ", roi, " is on image ",
                image[roi], " of ", map[0]);
    add_interval(box[1], box[3], grid.height, map[2], grid, cells.rows);
    add_interval(box[0], box[2], grid.width, map[3], grid, cells.columns);
  }
  return cells;
}

template <typename T>
RoiReaders<T> readers_of_rows(const RoiCells<T>& cells, const RoiGrid& grid, int64_t images,
                              int64_t height) {
  const RoiAxis<T>& rows = cells.rows;
  const auto* image = cells.images.template const_data_ptr<int64_t>();
  const auto lines = static_cast<int64_t>(rows.begin.size()) - 1;
  const auto for_each = [&](const auto& visit) {
    for (int64_t line = 0; line < lines; ++line) {
      for (int64_t i = rows.begin[line]; i < rows.begin[line + 1]; ++i) {
        visit(image[line / grid.height] * height + rows.pixel[i], line, rows.weight[i]);
      }
    }
  };
  RoiReaders<T> readers;
  readers.begin.assign(static_cast<size_t>(images * height) + 1, 0);
  for_each([&](int64_t row, int64_t /*line*/, T /*weight*/) { ++readers.begin[row + 1]; });
  for (size_t i = 1; i < readers.begin.size(); ++i) readers.begin[i] += readers.begin[i - 1];
  readers.line.resize(rows.pixel.size());
  readers.weight.resize(rows.pixel.size());
  std::vector<int64_t> next = readers.begin;
  for_each([&](int64_t row, int64_t line, T weight) {
    const int64_t place = next[row]++;
    readers.line[place] = line;
    readers.weight[place] = weight;
  });
  return readers;
}

template RoiCells<float> roi_cells(at::IntArrayRef, const at::Tensor&, const at::Tensor&,
                                   const RoiGrid&);
template RoiCells<double> roi_cells(at::IntArrayRef, const at::Tensor&, const at::Tensor&,
                                    const RoiGrid&);
template RoiReaders<float> readers_of_rows(const RoiCells<float>&, const RoiGrid&, int64_t,
                                           int64_t);
template RoiReaders<double> readers_of_rows(const RoiCells<double>&, const RoiGrid&, int64_t,
                                            int64_t);

}  // namespace convmae::ops
