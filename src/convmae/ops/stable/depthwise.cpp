#include "convmae/ops/kernels/depthwise.h"

#include "convmae/ops/stable/tensors.h"

#include <torch/csrc/stable/library.h>

#include <tuple>

namespace convmae::stable {
namespace {

depthwise_kernel::Kernels depthwise_kernels(const Tensor& x) {
  return for_this_cpu(depthwise_kernel::kernels_baseline, depthwise_kernel::kernels_avx2,
                      depthwise_kernel::kernels_avx512,
                      depthwise_kernel::kernels_avx512_bf16)(element_of(x));
}

/// A Problem together with the tables that it points to; see ops/masked_depthwise_conv2d.h. Of the
/// visible blocks `kept` [B, V] their rows are found here, so that nothing can lie outside x.
class BlockProblem {
 public:
  BlockProblem(const char* name, const Tensor& x, std::int64_t kernel, const Tensor& kept,
               Sides grid, Sides order)
      : order_(std::move(order)), positions_(order_.size(), -1) {
    check_numbers(name, x);
    check(x.dim() == 4 && x.size(3) > 0, name, ": x must be [B, V, P, C], found ", shape_text(x));
    check(kernel >= 1 && kernel % 2 == 1 && kernel <= depthwise_kernel::kMaxKernel, name,
          ": the kernel must be odd and at most ", depthwise_kernel::kMaxKernel, ", found ",
          kernel);
    check(grid.size() == 2 && grid[0] >= 1 && grid[1] >= 1 && grid[0] <= kMostBlocks / grid[1],
          name, ": the grid must be two numbers of 1 or more");
    check(kept.is_cpu() && kept.scalar_type() == Type::Long && kept.dim() == 2 &&
              kept.size(0) == x.size(0) && kept.size(1) == x.size(1),
          name, ": kept must be int64 [", x.size(0), ", ", x.size(1), "] on the CPU, found ",
          shape_text(kept));
    std::int64_t side = 0;
    while ((side + 1) * (side + 1) <= x.size(2)) ++side;
    check(side >= 1 && side * side == x.size(2) && std::ssize(order_) == x.size(2), name,
          ": cells of a square block and their order expected, found ", x.size(2), " cells and ",
          order_.size(), " numbers");
    for (std::size_t cell = 0; cell < order_.size(); ++cell) {
      const std::int64_t number = order_[cell];
      check(number >= 0 && number < x.size(2) && positions_[static_cast<std::size_t>(number)] < 0,
            name, ": the order must have every number below ", x.size(2), " once");
      positions_[static_cast<std::size_t>(number)] = static_cast<std::int64_t>(cell);
    }
    kept_ = torch::stable::contiguous(kept);
    find_rows(name, grid[0] * grid[1]);
    problem_ = {.visible = x.size(1),
                .side = side,
                .channels = x.size(3),
                .kernel = kernel,
                .grid_height = grid[0],
                .grid_width = grid[1],
                .kept = kept_.const_data_ptr<std::int64_t>(),
                .slot = slot_.data(),
                .nested_of_raster = order_.data(),
                .raster_of_nested = positions_.data()};
  }
  BlockProblem(const BlockProblem&) = delete;
  BlockProblem& operator=(const BlockProblem&) = delete;
  ~BlockProblem() = default;

  const depthwise_kernel::Problem& operator*() const { return problem_; }

 private:
  static constexpr std::int64_t kMostBlocks = std::int64_t{1} << 31;

  void find_rows(const char* name, std::int64_t blocks) {
    const std::int64_t images = kept_.size(0);
    const std::int64_t visible = kept_.size(1);
    const auto* number = kept_.const_data_ptr<std::int64_t>();
    slot_.assign(static_cast<std::size_t>(images * blocks), -1);
    for (std::int64_t image = 0; image < images; ++image) {
      std::int64_t* const rows = slot_.data() + image * blocks;
      for (std::int64_t row = 0; row < visible; ++row, ++number) {
        check(*number >= 0 && *number < blocks && rows[*number] < 0, name, ": block ", *number,
              " of image ", image, " is there twice, or is none of ", blocks);
        rows[*number] = row;
      }
    }
  }

  Sides order_;
  Sides positions_;
  Tensor kept_;
  Sides slot_;
  depthwise_kernel::Problem problem_;
};

/// x [B, V, P, C] of visible blocks, weight [C, 1, k, k], bias [C] -> the same shape: a depthwise
/// convolution for which all other blocks are zero. `order` has for every cell of a block, in
/// raster order, its number among P.
Tensor depthwise(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
                 const Tensor& kept, const Sides& grid, const Sides& order) {
  constexpr const char* kName = "depthwise";
  check_numbers(kName, x);
  check(x.dim() == 4 && weight.dim() == 4, kName,
        ": x must be [B, V, P, C] and weight [C, 1, k, k], found ", shape_text(x), " and ",
        shape_text(weight));
  const std::int64_t kernel = weight.size(3);
  check_shape(kName, "weight", weight, {x.size(3), 1, kernel, kernel});
  if (bias) check_shape(kName, "bias", *bias, {x.size(3)});
  const Tensor blocks = torch::stable::contiguous(x);
  const BlockProblem problem(kName, blocks, kernel, kept, grid, order);
  const Type type = accumulation_type(x);
  const Sides flat{x.size(3), kernel * kernel};
  const Tensor taps = in_type(
      torch::stable::transpose(torch::stable::reshape(weight, {flat.data(), flat.size()}), 0, 1),
      type);
  std::optional<Tensor> shift;
  if (bias) shift = in_type(*bias, type);
  Tensor out = empty_as(blocks);
  if (out.numel() == 0) return out;
  const auto convolve = depthwise_kernels(x).convolve;
  torch::stable::parallel_for(
      0, x.size(0) * x.size(1), 1, [&](std::int64_t begin, std::int64_t end) {
        convolve(*problem, bytes_of(blocks), bytes_of(taps), shift ? bytes_of(*shift) : nullptr,
                 mutable_bytes_of(out), begin, end);
      });
  return out;
}

/// The gradients of taps [C, 1, k, k] and bias [C], in the accumulation type.
std::tuple<Tensor, Tensor> depthwise_taps(const Tensor& grad, const Tensor& x, const Tensor& kept,
                                          const Sides& grid, const Sides& order,
                                          std::int64_t kernel) {
  constexpr const char* kName = "depthwise_taps";
  check_numbers(kName, x);
  check_like(kName, "grad", grad, x);
  const Tensor blocks = torch::stable::contiguous(x);
  const Tensor grad_out = torch::stable::contiguous(grad);
  const BlockProblem problem(kName, blocks, kernel, kept, grid, order);
  const std::int64_t taps = kernel * kernel;
  const std::int64_t channels = x.size(3);
  // A sum per image, then over images in their order: the same bits for any number of threads.
  const Tensor sums = zeros({x.size(0), taps + 1, channels}, accumulation_type(x));
  if (x.numel() > 0) {
    const auto gradient = depthwise_kernels(x).taps_gradient;
    torch::stable::parallel_for(0, x.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t image = begin; image < end; ++image) {
        std::byte* const sum =
            mutable_bytes_of(sums) + image * (taps + 1) * channels * size_of(sums);
        gradient(*problem, bytes_of(blocks), bytes_of(grad_out), sum,
                 sum + taps * channels * size_of(sums), image);
      }
    });
  }
  Tensor total = sum_first(sums);
  const Sides shape{channels, 1, kernel, kernel};
  const Tensor of_taps = torch::stable::contiguous(
      torch::stable::transpose(torch::stable::narrow(total, 0, 0, taps), 0, 1));
  return {torch::stable::clone(torch::stable::reshape(of_taps, {shape.data(), shape.size()})),
          torch::stable::clone(torch::stable::select(total, 0, taps))};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(convmae, library) {
  library.def(
      "depthwise(Tensor x, Tensor weight, Tensor? bias, Tensor kept, int[] grid, int[] order) -> "
      "Tensor");
  library.def(
      "depthwise_taps(Tensor grad, Tensor x, Tensor kept, int[] grid, int[] order, int kernel) -> "
      "(Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(convmae, CPU, library) {
  library.impl("depthwise", TORCH_BOX(&depthwise));
  library.impl("depthwise_taps", TORCH_BOX(&depthwise_taps));
}

}  // namespace convmae::stable
