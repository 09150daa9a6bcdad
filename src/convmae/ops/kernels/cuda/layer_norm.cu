#include "convmae/ops/kernels/cuda/launch.h"
#include "convmae/ops/kernels/cuda/layer_norm.h"
#include "convmae/ops/kernels/cuda/layer_norm_thread.h"

#include <type_traits>

namespace convmae::layer_norm_cuda {
namespace {

using cuda_kernel::blocks_for;
using cuda_kernel::kThreads;

constexpr int kRowsOfABlock = kThreads / kWarp;

/// Calls work(warp, row) for the row of this thread's warp, if there is one.
template <typename Work>
__device__ void with_row(std::int64_t rows, const Work& work) {
#if defined(__CUDA_ARCH__)
  const std::int64_t row = std::int64_t{blockIdx.x} * kRowsOfABlock + threadIdx.x / kWarp;
  if (row < rows) work(Warp(static_cast<int>(threadIdx.x % kWarp)), row);
#endif
}

template <typename T>
__global__ void __launch_bounds__(kThreads) forward_kernel(Forward p) {
  with_row(p.rows, [&](const Warp& warp, std::int64_t row) { forward_row<T>(warp, p, row); });
}

template <typename T>
__global__ void __launch_bounds__(kThreads) input_gradient_kernel(Backward p) {
  with_row(p.rows,
           [&](const Warp& warp, std::int64_t row) { input_gradient_row<T>(warp, p, row); });
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    parameter_gradients_kernel(Backward p, AccOf<T>* sums, std::int64_t rows_of_part) {
  const std::int64_t column = std::int64_t{blockIdx.y} * kThreads + threadIdx.x;
  if (column < p.dim) {
    parameter_gradients_thread<T>(p, sums, blockIdx.x, rows_of_part, column);
  }
}

}  // namespace

int forward(Element element, const Forward& p, void* stream) {
  if (p.rows == 0 || p.dim == 0) return 0;
  return cuda_kernel::launch_for(element, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    forward_kernel<T>
        <<<blocks_for(p.rows, kRowsOfABlock), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(p);
  });
}

int input_gradient(Element element, const Backward& p, void* stream) {
  if (p.rows == 0 || p.dim == 0) return 0;
  return cuda_kernel::launch_for(element, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    input_gradient_kernel<T>
        <<<blocks_for(p.rows, kRowsOfABlock), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(p);
  });
}

int parameter_gradients(Element element, const Backward& p, void* sums, std::int64_t parts,
                        void* stream) {
  if (p.dim == 0) return 0;
  return cuda_kernel::launch_for(element, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const dim3 grid(static_cast<unsigned>(parts), blocks_for(p.dim, kThreads));
    parameter_gradients_kernel<T><<<grid, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
        p, static_cast<AccOf<T>*>(sums), (p.rows + parts - 1) / parts);
  });
}

}  // namespace convmae::layer_norm_cuda
