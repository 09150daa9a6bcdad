#include "convmae/ops/kernels/cuda/depthwise.h"
#include "convmae/ops/kernels/cuda/depthwise_unrolled_thread.h"
#include "convmae/ops/kernels/cuda/launch.h"

#include <type_traits>

namespace convmae::depthwise_cuda {
namespace {

using cuda_kernel::blocks_for;
using cuda_kernel::kThreads;

/// Blocks that a thread of an unrolled kernel goes through with the same weights.
constexpr int kRowsOfAThread = 4;

template <typename T>
__global__ void __launch_bounds__(kThreads)
    convolve_kernel(Problem p, const T* x, const AccOf<T>* taps, const AccOf<T>* bias, T* out,
                    std::int64_t count) {
  const std::int64_t index = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (index < count) convolve_thread(p, x, taps, bias, out, index);
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    taps_gradient_kernel(Problem p, const T* x, const T* grad_out, AccOf<T>* sums,
                         std::int64_t rows_of_part, std::int64_t count) {
  const std::int64_t index = std::int64_t{blockIdx.y} * kThreads + threadIdx.x;
  if (index < count) {
    taps_gradient_thread(p, x, grad_out, sums, blockIdx.x, rows_of_part, index);
  }
}

template <int kSide, typename T>
__global__ void __launch_bounds__(kThreads)
    convolve_unrolled_kernel(Problem p, const T* x, const AccOf<T>* taps, const AccOf<T>* bias,
                             T* out) {
  const std::int64_t channel = 2 * (std::int64_t{blockIdx.y} * kThreads + threadIdx.x);
  const std::int64_t first = std::int64_t{blockIdx.x} * kRowsOfAThread;
  if (channel < p.channels) {
    convolve_unrolled_thread<kSide>(p, x, taps, bias, out, first, kRowsOfAThread, channel);
  }
}

template <int kSide, typename T>
__global__ void __launch_bounds__(kThreads)
    taps_gradient_unrolled_kernel(Problem p, const T* x, const T* grad_out, AccOf<T>* sums,
                                  std::int64_t rows_of_part) {
  const std::int64_t channel = 2 * (std::int64_t{blockIdx.y} * kThreads + threadIdx.x);
  if (channel < p.channels) {
    taps_gradient_unrolled_thread<kSide>(p, x, grad_out, sums, blockIdx.x, rows_of_part, channel);
  }
}

}  // namespace

int convolve(Element element, const Problem& p, const void* x, const void* taps, const void* bias,
             void* out, void* stream) {
  const std::int64_t count = p.rows * p.side * p.side * p.channels;
  if (count == 0) return 0;
  return cuda_kernel::launch_for(element, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    using Acc = AccOf<T>;
    const auto* from = static_cast<const T*>(x);
    const auto* weight = static_cast<const Acc*>(taps);
    const auto* start = static_cast<const Acc*>(bias);
    auto* to = static_cast<T*>(out);
    const auto queue = static_cast<cudaStream_t>(stream);
    // float64 is for tests: its sums would not fit the registers.
    if constexpr (!std::is_same_v<T, double>) {
      const int side = unrolled_side(p, x, out, sizeof(cuda_kernel::Pair<T>));
      const dim3 unrolled(blocks_for(p.rows, kRowsOfAThread), blocks_for(p.channels, 2 * kThreads));
      if (side == 4) {
        convolve_unrolled_kernel<4><<<unrolled, kThreads, 0, queue>>>(p, from, weight, start, to);
        return;
      }
      if (side == 2) {
        convolve_unrolled_kernel<2><<<unrolled, kThreads, 0, queue>>>(p, from, weight, start, to);
        return;
      }
    }
    convolve_kernel<<<blocks_for(count, kThreads), kThreads, 0, queue>>>(p, from, weight, start, to,
                                                                         count);
  });
}

int taps_gradient(Element element, const Problem& p, const void* x, const void* grad_out,
                  void* sums, std::int64_t parts, void* stream) {
  const std::int64_t count = (std::int64_t{p.kernel} * p.kernel + 1) * p.channels;
  if (count == 0) return 0;
  return cuda_kernel::launch_for(element, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const auto* from = static_cast<const T*>(x);
    const auto* grad = static_cast<const T*>(grad_out);
    auto* to = static_cast<AccOf<T>*>(sums);
    const auto queue = static_cast<cudaStream_t>(stream);
    const std::int64_t rows = (p.rows + parts - 1) / parts;
    const auto columns = static_cast<unsigned>(parts);
    if constexpr (!std::is_same_v<T, double>) {
      const int side = unrolled_side(p, x, grad_out, sizeof(cuda_kernel::Pair<T>));
      const dim3 unrolled(columns, blocks_for(p.channels, 2 * kThreads));
      if (side == 4) {
        taps_gradient_unrolled_kernel<4><<<unrolled, kThreads, 0, queue>>>(p, from, grad, to, rows);
        return;
      }
      if (side == 2) {
        taps_gradient_unrolled_kernel<2><<<unrolled, kThreads, 0, queue>>>(p, from, grad, to, rows);
        return;
      }
    }
    const dim3 grid(columns, blocks_for(count, kThreads));
    taps_gradient_kernel<<<grid, kThreads, 0, queue>>>(p, from, grad, to, rows, count);
  });
}

}  // namespace convmae::depthwise_cuda
