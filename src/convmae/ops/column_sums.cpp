#include "convmae/ops/column_sums.h"

#include "convmae/ops/cpu_features.h"
#include "convmae/ops/kernels/column_sums.h"
#include "convmae/ops/kernels/dispatch.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>

namespace convmae::ops {

at::Tensor column_sums(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 2, "column_sums: x must be [rows, columns], found ", x.sizes());
  const at::ScalarType type = accumulation_type(x);
  if (!has_kernel(x) || x.numel() == 0) return x.sum(0, /*keepdim=*/false, type);
  const at::Tensor rows = x.contiguous();
  at::Tensor sums = at::empty({x.size(1)}, x.options().dtype(type));
  const auto kernels = for_this_cpu(
      column_sums_kernel::kernels_baseline, column_sums_kernel::kernels_avx2,
      column_sums_kernel::kernels_avx512, column_sums_kernel::kernels_avx512_bf16)(element_of(x));
  // Threads share whole blocks of columns, so that where a kernel's vectors end does not depend on
  // their number.
  constexpr std::int64_t kBlock = 256;
  const std::int64_t columns = x.size(1);
  at::parallel_for(
      0, (columns + kBlock - 1) / kBlock, 1, [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t first = begin * kBlock;
        const std::int64_t last = std::min(end * kBlock, columns);
        kernels.sum(bytes_of(rows) + first * rows.element_size(), x.size(0), last - first, columns,
                    mutable_bytes_of(sums) + first * sums.element_size());
      });
  return sums;
}

}  // namespace convmae::ops
