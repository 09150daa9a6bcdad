#include "convmae/ops/roi_align.h"

#include "convmae/ops/cpu_features.h"
#include "convmae/ops/kernel_choice.h"
#include "convmae/ops/kernels/dispatch.h"
#include "convmae/ops/kernels/roi_align.h"
#include "convmae/ops/once_differentiable.h"
#include "convmae/ops/roi_align_passes.h"
#include "convmae/ops/roi_cells.h"

#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <vector>

namespace convmae::ops {
namespace {

using at::Tensor;

/// Rows of channels and their weights, for the kernels.
template <typename T>
struct Taps {
  std::vector<int64_t> places;
  std::vector<T> weights;

  void clear() {
    places.clear();
    weights.clear();
  }
  void add(int64_t place, T weight) {
    places.push_back(place);
    weights.push_back(weight);
  }
  int64_t count() const { return static_cast<int64_t>(places.size()); }
};

// ---- CPU ----

roi_align_kernel::Kernels kernels_for(const Tensor& x) {
  return for_this_cpu(roi_align_kernel::kernels_baseline, roi_align_kernel::kernels_avx2,
                      roi_align_kernel::kernels_avx512,
                      roi_align_kernel::kernels_avx512_bf16)(element_of(x));
}

/// pixels [N, H, W, C] -> cells [R, height, width, C].
template <typename T>
void gather_cells(const Tensor& pixels, const RoiCells<T>& table, const RoiGrid& grid,
                  Tensor& cells) {
  const auto gather = kernels_for(pixels).gather;
  const int64_t height = pixels.size(1);
  const int64_t width = pixels.size(2);
  const int64_t channels = pixels.size(3);
  const T* from = pixels.const_data_ptr<T>();
  T* const to = cells.mutable_data_ptr<T>();
  const auto* images = table.images.template const_data_ptr<int64_t>();
  const RoiAxis<T>& rows = table.rows;
  const RoiAxis<T>& columns = table.columns;
  at::parallel_for(0, cells.size(0) * grid.height, 1, [&](int64_t begin, int64_t end) {
    Taps<T> taps;
    for (int64_t line = begin; line < end; ++line) {
      const int64_t roi = line / grid.height;
      const int64_t image = images[roi] * height;
      for (int64_t x = 0; x < grid.width; ++x) {
        const int64_t cell = roi * grid.width + x;
        taps.clear();
        for (int64_t i = rows.begin[line]; i < rows.begin[line + 1]; ++i) {
          for (int64_t j = columns.begin[cell]; j < columns.begin[cell + 1]; ++j) {
            taps.add(((image + rows.pixel[i]) * width + columns.pixel[j]) * channels,
                     rows.weight[i] * columns.weight[j]);
          }
        }
        gather(from, taps.places.data(), taps.weights.data(), taps.count(), channels,
               to + (line * grid.width + x) * channels);
      }
    }
  });
}

/// The transpose of gather_cells: adds to `pixels`, which is zero. A row of pixels belongs to one
/// thread and collects its boxes in their order, so that threads change no bit.
template <typename T>
void scatter_cells(const Tensor& cells, const RoiCells<T>& table, const RoiGrid& grid,
                   Tensor& pixels) {
  const roi_align_kernel::Kernels kernels = kernels_for(pixels);
  const int64_t width = pixels.size(2);
  const int64_t channels = pixels.size(3);
  const RoiReaders<T> readers = readers_of_rows(table, grid, pixels.size(0), pixels.size(1));
  const T* from = cells.const_data_ptr<T>();
  T* const to = pixels.mutable_data_ptr<T>();
  const RoiAxis<T>& columns = table.columns;
  at::parallel_for(0, pixels.size(0) * pixels.size(1), 1, [&](int64_t begin, int64_t end) {
    Taps<T> lines;
    std::vector<int64_t> places;
    std::vector<T> sum(static_cast<size_t>(channels));
    for (int64_t row = begin; row < end; ++row) {
      T* const row_of_pixels = to + row * width * channels;
      for (int64_t i = readers.begin[row]; i < readers.begin[row + 1];) {
        const int64_t roi = readers.line[i] / grid.height;
        lines.clear();
        for (; i < readers.begin[row + 1] && readers.line[i] / grid.height == roi; ++i) {
          lines.add(readers.line[i] * grid.width * channels, readers.weight[i]);
        }
        for (int64_t x = 0; x < grid.width; ++x) {
          const int64_t first = columns.begin[roi * grid.width + x];
          const int64_t count = columns.begin[roi * grid.width + x + 1] - first;
          if (count == 0) continue;
          places.clear();
          for (int64_t j = first; j < first + count; ++j)
            places.push_back(columns.pixel[j] * channels);
          kernels.gather(from + x * channels, lines.places.data(), lines.weights.data(),
                         lines.count(), channels, sum.data());
          kernels.scatter(sum.data(), places.data(), columns.weight.data() + first, count, channels,
                          row_of_pixels);
        }
      }
    }
  });
}

Tensor forward_cpu(const Tensor& map, const Tensor& boxes, const Tensor& images, double scale,
                   int64_t height, int64_t width, int64_t sampling_ratio, bool aligned) {
  const RoiGrid grid{scale, height, width, sampling_ratio, aligned};
  roi::check_forward(map, boxes, images, grid);
  if (kernel_choice() == KernelChoice::reference) {
    return roi::reference_forward(map, boxes, images, scale, height, width, sampling_ratio,
                                  aligned);
  }
  const Tensor pixels = roi::channels_last(map);
  Tensor cells = at::empty({boxes.size(0), height, width, map.size(1)}, pixels.options());
  const auto run = [&](auto zero) {
    using T = decltype(zero);
    gather_cells(pixels, roi_cells<T>(map.sizes(), boxes, images, grid), grid, cells);
  };
  if (pixels.scalar_type() == at::kDouble) {
    run(0.0);
  } else {
    run(0.0F);
  }
  return roi::channels_first(cells, map.scalar_type());
}

Tensor backward_cpu(const Tensor& grad, const Tensor& boxes, const Tensor& images,
                    at::IntArrayRef map, double scale, int64_t height, int64_t width,
                    int64_t sampling_ratio, bool aligned) {
  const RoiGrid grid{scale, height, width, sampling_ratio, aligned};
  roi::check_backward(grad, boxes, images, map, grid);
  if (kernel_choice() == KernelChoice::reference) {
    return roi::reference_backward(grad, boxes, images, map, scale, height, width, sampling_ratio,
                                   aligned);
  }
  const Tensor cells = roi::channels_last(grad);
  Tensor pixels = at::zeros({map[0], map[2], map[3], map[1]}, cells.options());
  const auto run = [&](auto zero) {
    using T = decltype(zero);
    scatter_cells(cells, roi_cells<T>(map, boxes, images, grid), grid, pixels);
  };
  if (cells.scalar_type() == at::kDouble) {
    run(0.0);
  } else {
    run(0.0F);
  }
  return roi::channels_first(pixels, grad.scalar_type());
}

// ---- Shapes only ----

Tensor forward_meta(const Tensor& map, const Tensor& boxes, const Tensor& images, double scale,
                    int64_t height, int64_t width, int64_t sampling_ratio, bool aligned) {
  roi::check_forward(map, boxes, images, {scale, height, width, sampling_ratio, aligned});
  return at::empty({boxes.size(0), height, width, map.size(1)}, map.options())
      .permute({0, 3, 1, 2});
}

Tensor backward_meta(const Tensor& grad, const Tensor& boxes, const Tensor& images,
                     at::IntArrayRef map, double scale, int64_t height, int64_t width,
                     int64_t sampling_ratio, bool aligned) {
  roi::check_backward(grad, boxes, images, map, {scale, height, width, sampling_ratio, aligned});
  return at::empty({map[0], map[2], map[3], map[1]}, grad.options()).permute({0, 3, 1, 2});
}

// ---- Autograd ----

Tensor call_forward(const Tensor& map, const Tensor& boxes, const Tensor& images, double scale,
                    int64_t height, int64_t width, int64_t sampling_ratio, bool aligned) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("convmae::roi_align", "")
                             .typed<decltype(call_forward)>();
  return op.call(map, boxes, images, scale, height, width, sampling_ratio, aligned);
}

Tensor call_backward(const Tensor& grad, const Tensor& boxes, const Tensor& images,
                     at::IntArrayRef map, double scale, int64_t height, int64_t width,
                     int64_t sampling_ratio, bool aligned) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("convmae::roi_align_backward", "")
                             .typed<decltype(call_backward)>();
  return op.call(grad, boxes, images, map, scale, height, width, sampling_ratio, aligned);
}

class RoiAlign : public torch::autograd::Function<RoiAlign> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& map,
                        const Tensor& boxes, const Tensor& images, double scale, int64_t height,
                        int64_t width, int64_t sampling_ratio, bool aligned) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({boxes, images});
    context->saved_data["map"] = map.sizes().vec();
    context->saved_data["scale"] = scale;
    context->saved_data["grid"] = std::vector<int64_t>{height, width, sampling_ratio};
    context->saved_data["aligned"] = aligned;
    return call_forward(map, boxes, images, scale, height, width, sampling_ratio, aligned);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    refuse_second_derivative("roi_align");
    Tensor grad_map;
    if (context->needs_input_grad(0)) {
      const auto saved = context->get_saved_variables();
      const auto grid = context->saved_data["grid"].toIntVector();
      grad_map =
          call_backward(grads[0], saved[0], saved[1], context->saved_data["map"].toIntVector(),
                        context->saved_data["scale"].toDouble(), grid[0], grid[1], grid[2],
                        context->saved_data["aligned"].toBool());
    }
    return {grad_map, Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

Tensor forward_autograd(const Tensor& map, const Tensor& boxes, const Tensor& images, double scale,
                        int64_t height, int64_t width, int64_t sampling_ratio, bool aligned) {
  return RoiAlign::apply(map, boxes, images, scale, height, width, sampling_ratio, aligned);
}

}  // namespace

Tensor roi_align(const Tensor& map, const Tensor& boxes, const Tensor& images,
                 const RoiGrid& grid) {
  return call_forward(map, boxes, images, grid.scale, grid.height, grid.width, grid.sampling_ratio,
                      grid.aligned);
}

Tensor roi_align(const Tensor& map, const Tensor& boxes, const Tensor& images, double scale,
                 int64_t output_size, int64_t sampling_ratio) {
  return roi_align(map, boxes, images,
                   {scale, output_size, output_size, sampling_ratio, /*aligned=*/true});
}

TORCH_LIBRARY_FRAGMENT(convmae, library) {
  library.def(
      "roi_align(Tensor map, Tensor boxes, Tensor images, float scale, int height, int width, "
      "int sampling_ratio, bool aligned) -> Tensor");
  library.def(
      "roi_align_backward(Tensor grad, Tensor boxes, Tensor images, int[] map, float scale, "
      "int height, int width, int sampling_ratio, bool aligned) -> Tensor");
}

TORCH_LIBRARY_IMPL(convmae, CPU, library) {
  library.impl("roi_align", forward_cpu);
  library.impl("roi_align_backward", backward_cpu);
}

TORCH_LIBRARY_IMPL(convmae, Meta, library) {
  library.impl("roi_align", forward_meta);
  library.impl("roi_align_backward", backward_meta);
}

TORCH_LIBRARY_IMPL(convmae, Autograd, library) { library.impl("roi_align", forward_autograd); }

}  // namespace convmae::ops
