#include "convmae/ops/stable/tensors.h"

#include <torch/csrc/stable/library.h>

#include <array>
#include <bit>

namespace convmae::stable {
namespace {

/// What a backward pass needs of matrices [M, N] beside products: sums of bfloat16 numbers in
/// float32, and factors turned over, for which libraries take several times as long.

template <typename Sum, typename Number>
Sum widened(Number number) {
  if constexpr (sizeof(Number) == sizeof(std::uint16_t)) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(number) << 16);
  } else {
    return number;
  }
}

/// Adds `count` rows to a sum.
template <typename Sum, typename Number>
void add_rows(const std::byte* rows, std::int64_t count, std::int64_t columns, std::byte* sum) {
  const auto* number = reinterpret_cast<const Number*>(rows);
  auto* const total = reinterpret_cast<Sum*>(sum);
  for (std::int64_t row = 0; row < count; ++row, number += columns) {
    for (std::int64_t c = 0; c < columns; ++c) total[c] += widened<Sum>(number[c]);
  }
}

/// x [M, N] -> [N], in the accumulation type.
Tensor column_sums(const Tensor& input) {
  check_numbers("column_sums", input);
  check(input.dim() == 2, "column_sums: x must be [M, N], found ", shape_text(input));
  const Tensor x = torch::stable::contiguous(input);
  const std::int64_t columns = x.size(1);
  const Tensor sums = zeros({kParts, columns}, accumulation_type(x));
  const auto add = [&] {
    if (x.scalar_type() == Type::Double) return add_rows<double, double>;
    return x.scalar_type() == Type::Float ? add_rows<float, float> : add_rows<float, std::uint16_t>;
  }();
  for_each_part(x.size(0), [&](std::int64_t first, std::int64_t count, std::int64_t part) {
    add(bytes_of(x) + first * columns * size_of(x), count, columns,
        mutable_bytes_of(sums) + part * columns * size_of(sums));
  });
  return sum_first(sums);
}

constexpr std::int64_t kTile = 32;

/// Columns [begin, end) of a matrix, at most kTile, become rows.
template <typename Number>
void turn(const std::byte* from, std::byte* to, std::int64_t rows, std::int64_t columns,
          std::int64_t begin, std::int64_t end) {
  const auto* const x = reinterpret_cast<const Number*>(from);
  auto* const y = reinterpret_cast<Number*>(to);
  std::array<std::array<Number, kTile>, kTile> tile{};
  for (std::int64_t first = 0; first < rows; first += kTile) {
    // Rows are read whole cache lines at a time, and written so.
    const std::int64_t count = std::min(kTile, rows - first);
    for (std::int64_t r = 0; r < count; ++r) {
      for (std::int64_t c = begin; c < end; ++c) tile[c - begin][r] = x[(first + r) * columns + c];
    }
    for (std::int64_t c = begin; c < end; ++c) {
      std::copy_n(tile[c - begin].data(), count, y + c * rows + first);
    }
  }
}

/// x [M, N] -> [N, M], contiguous.
Tensor transpose(const Tensor& input) {
  check_numbers("transpose", input);
  check(input.dim() == 2, "transpose: x must be [M, N], found ", shape_text(input));
  const Tensor x = torch::stable::contiguous(input);
  const std::int64_t rows = x.size(0);
  const std::int64_t columns = x.size(1);
  Tensor y = empty({columns, rows}, x.scalar_type());
  const auto turn_over = [&] {
    if (x.scalar_type() == Type::Double) return turn<std::uint64_t>;
    return x.scalar_type() == Type::Float ? turn<std::uint32_t> : turn<std::uint16_t>;
  }();
  torch::stable::parallel_for(0, (columns + kTile - 1) / kTile, 1,
                              [&](std::int64_t begin, std::int64_t end) {
                                for (std::int64_t strip = begin; strip < end; ++strip) {
                                  turn_over(bytes_of(x), mutable_bytes_of(y), rows, columns,
                                            strip * kTile, std::min((strip + 1) * kTile, columns));
                                }
                              });
  return y;
}

/// Whether products of such matrices should go straight to oneDNN.
bool prefers_onednn(const Tensor& x) {
  const bool bf16 = x.scalar_type() == Type::BFloat16;
  return (bf16 || x.scalar_type() == Type::Float) && cpu_prefers_onednn(bf16);
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(convmae, library) {
  library.def("column_sums(Tensor x) -> Tensor");
  library.def("transpose(Tensor x) -> Tensor");
  library.def("prefers_onednn(Tensor x) -> bool");
}

STABLE_TORCH_LIBRARY_IMPL(convmae, CPU, library) {
  library.impl("column_sums", TORCH_BOX(&column_sums));
  library.impl("transpose", TORCH_BOX(&transpose));
  library.impl("prefers_onednn", TORCH_BOX(&prefers_onednn));
}

}  // namespace convmae::stable
