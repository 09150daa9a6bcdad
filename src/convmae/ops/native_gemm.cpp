#include "convmae/ops/native_gemm.h"

#include "convmae/ops/cpu_features.h"
#include "convmae/ops/kernels/bf16_gemm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstddef>

namespace convmae::native_gemm {
namespace {

using at::Tensor;
using bf16_gemm::kPanelColumns;
using bf16_gemm::Number;
using bf16_gemm::Pair;
using bf16_gemm::pairs_of;

// What a weight gradient transposes at a time: its panels (256 KiB) stay in the second-level cache.
constexpr std::int64_t kDepthAtOnce = 2048;

const Number* numbers_of(const Tensor& x) { return static_cast<const Number*>(x.const_data_ptr()); }
Number* mutable_numbers_of(const Tensor& x) { return static_cast<Number*>(x.mutable_data_ptr()); }

std::int64_t divided_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// A block of the result.
struct Block {
  std::int64_t first_row;
  std::int64_t rows;
  std::int64_t first_column;
  std::int64_t columns;
};

/// Calls pack(block, panel) once for every panel of columns and then compute(block, panel) for the
/// blocks of rows that share it, on all threads. Rows are split only if the panels are too few for
/// the threads, since each part packs the panel anew.
template <typename Pack, typename Compute>
void for_each_block(std::int64_t rows, std::int64_t columns, std::int64_t depth, Pack&& pack,
                    Compute&& compute) {
  constexpr std::int64_t kTasksAThread = 4;
  constexpr std::int64_t kLeastRows = 192;
  const std::int64_t threads = at::get_num_threads();
  const std::int64_t panels = divided_up(columns, kPanelColumns);
  const std::int64_t wanted = threads == 1 ? 1 : divided_up(threads * kTasksAThread, panels);
  const std::int64_t parts = std::clamp<std::int64_t>(rows / kLeastRows, 1, wanted);
  const std::int64_t part_rows = divided_up(divided_up(rows, parts), kPanelColumns) * kPanelColumns;
  at::parallel_for(0, panels * parts, 1, [&](std::int64_t begin, std::int64_t end) {
    const Tensor memory = at::empty({pairs_of(depth) * kPanelColumns}, at::kInt);
    auto* const panel = static_cast<Pair*>(memory.mutable_data_ptr());
    std::int64_t packed = -1;
    for (std::int64_t task = begin; task < end; ++task) {
      Block block{};
      block.first_column = task / parts * kPanelColumns;
      block.columns = std::min(kPanelColumns, columns - block.first_column);
      block.first_row = task % parts * part_rows;
      block.rows = std::min(part_rows, rows - block.first_row);
      if (packed != block.first_column) pack(block, panel);
      packed = block.first_column;
      if (block.rows > 0) compute(block, panel);
    }
  });
}

/// left [rows, depth] times what `pack` packs, into bfloat16.
template <typename Pack>
Tensor multiply(const Tensor& left, std::int64_t columns, const float* bias, Pack&& pack) {
  const std::int64_t rows = left.size(0);
  const std::int64_t depth = left.size(1);
  Tensor result = at::empty({rows, columns}, left.options());
  const Number* const from = numbers_of(left);
  Number* const to = mutable_numbers_of(result);
  for_each_block(rows, columns, depth, pack, [&](const Block& block, const Pair* panel) {
    bf16_gemm::multiply({from + block.first_row * depth, depth, block.rows}, panel, pairs_of(depth),
                        bias == nullptr ? nullptr : bias + block.first_column,
                        to + block.first_row * columns + block.first_column, columns,
                        block.columns);
  });
  return result;
}

}  // namespace

bool available() { return cpu_kernel_level() == KernelLevel::avx512_bf16; }

bool takes(const Tensor& a, const Tensor& b, std::int64_t depth) {
  const auto fits = [](const Tensor& x) {
    return x.device().is_cpu() && x.scalar_type() == at::kBFloat16 && x.numel() > 0;
  };
  return fits(a) && fits(b) && depth % 2 == 0;
}

Tensor forward(const Tensor& rows, const Tensor& weight, const std::optional<Tensor>& bias) {
  const Tensor left = rows.contiguous();
  const Tensor right = weight.contiguous();
  const Tensor added = bias ? bias->to(at::kFloat).contiguous() : Tensor();
  const std::int64_t depth = right.size(1);
  const Number* const from = numbers_of(right);
  return multiply(left, right.size(0), bias ? added.const_data_ptr<float>() : nullptr,
                  [&](const Block& block, Pair* panel) {
                    bf16_gemm::pack_transposed(from + block.first_column * depth, depth,
                                               block.columns, depth, panel);
                  });
}

Tensor input_gradient(const Tensor& grad, const Tensor& weight) {
  const Tensor left = grad.contiguous();
  const Tensor right = weight.contiguous();
  const std::int64_t depth = right.size(0);
  const std::int64_t columns = right.size(1);
  const Number* const from = numbers_of(right);
  return multiply(left, columns, nullptr, [&](const Block& block, Pair* panel) {
    bf16_gemm::pack(from + block.first_column, columns, block.columns, depth, panel);
  });
}

Tensor weight_gradient(const Tensor& grad, const Tensor& rows) {
  const Tensor left = grad.contiguous();
  const Tensor right = rows.contiguous();
  const std::int64_t out = left.size(1);
  const std::int64_t in = right.size(1);
  const std::int64_t panels = divided_up(out, kPanelColumns);
  const std::int64_t panel_size = pairs_of(std::min(left.size(0), kDepthAtOnce)) * kPanelColumns;
  const Tensor packed = at::empty({panels, panel_size}, at::kInt);
  Tensor result = at::empty({out, in}, left.options().dtype(at::kFloat));
  auto* const left_panels = static_cast<Pair*>(packed.mutable_data_ptr());
  auto* const to = result.mutable_data_ptr<float>();
  for (std::int64_t first = 0; first < left.size(0); first += kDepthAtOnce) {
    const std::int64_t depth = std::min(kDepthAtOnce, left.size(0) - first);
    at::parallel_for(0, panels, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t panel = begin; panel < end; ++panel) {
        const std::int64_t column = panel * kPanelColumns;
        bf16_gemm::pack(numbers_of(left) + first * out + column, out,
                        std::min(kPanelColumns, out - column), depth,
                        left_panels + panel * panel_size);
      }
    });
    for_each_block(
        out, in, depth,
        [&](const Block& block, Pair* panel) {
          bf16_gemm::pack(numbers_of(right) + first * in + block.first_column, in, block.columns,
                          depth, panel);
        },
        [&](const Block& block, const Pair* panel) {
          for (std::int64_t row = block.first_row; row < block.first_row + block.rows;
               row += kPanelColumns) {
            const std::int64_t rows_here =
                std::min(kPanelColumns, block.first_row + block.rows - row);
            bf16_gemm::multiply({left_panels + row / kPanelColumns * panel_size, rows_here}, panel,
                                pairs_of(depth), first > 0, to + row * in + block.first_column, in,
                                block.columns);
          }
        });
  }
  return result;
}

}  // namespace convmae::native_gemm
