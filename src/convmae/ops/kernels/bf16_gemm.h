#pragma once

#include <cstdint>

/// GEMMs of bfloat16 matrices for CPUs with AVX-512 BF16, summed in float32. Numbers lie as in
/// memory, as 16-bit words; strides count numbers. Two neighbours along the depth, over which is
/// summed, are multiplied by one instruction: a *pair*.
namespace convmae::bf16_gemm {

using Number = std::uint16_t;
using Pair = std::uint32_t;

/// Factors are packed into panels of so many columns.
constexpr std::int64_t kPanelColumns = 48;

constexpr std::int64_t pairs_of(std::int64_t depth) { return (depth + 1) / 2; }

/// Writes panel [pairs_of(depth), kPanelColumns] from a factor of `columns` columns at most
/// kPanelColumns; what is missing is zero. Either stored as [columns, depth]...
void pack_transposed(const Number* from, std::int64_t stride, std::int64_t columns,
                     std::int64_t depth, Pair* panel);
/// ...or as [depth, columns].
void pack(const Number* from, std::int64_t stride, std::int64_t columns, std::int64_t depth,
          Pair* panel);

/// A left factor as it is stored...
struct Left {
  const Number* data;  ///< [rows, 2 * pairs]
  std::int64_t stride;
  std::int64_t rows;
};
/// ...or kPanelColumns rows of it at most, packed: the columns of its transpose.
struct PackedLeft {
  const Pair* panel;
  std::int64_t rows;
};

/// out [rows, columns] = left times panel, plus bias [columns] if there is one.
void multiply(const Left& left, const Pair* panel, std::int64_t pairs, const float* bias,
              Number* out, std::int64_t out_stride, std::int64_t columns);
/// The same, into float32, or added to what is there.
void multiply(const PackedLeft& left, const Pair* panel, std::int64_t pairs, bool add, float* out,
              std::int64_t out_stride, std::int64_t columns);

}  // namespace convmae::bf16_gemm
