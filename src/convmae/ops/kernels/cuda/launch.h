#pragma once

#include "convmae/ops/kernels/cuda/number.h"
#include "convmae/ops/kernels/element.h"

#include <cstdint>
#include <cuda_runtime.h>

/// For .cu files alone: how kernels are started.
namespace convmae::cuda_kernel {

/// Threads of a block where a kernel has no reason for another number.
constexpr int kThreads = 128;

inline unsigned blocks_for(std::int64_t count, std::int64_t of_a_block) {
  return static_cast<unsigned>((count + of_a_block - 1) / of_a_block);
}

/// Calls launch(a null pointer of the type that stands for `element`) and says what CUDA thinks of
/// it: 0, or an error code.
template <typename Launch>
int launch_for(Element element, const Launch& launch) {
  switch (element) {
    case Element::f32:
      launch(static_cast<float*>(nullptr));
      break;
    case Element::f64:
      launch(static_cast<double*>(nullptr));
      break;
    case Element::bf16:
      launch(static_cast<Bf16*>(nullptr));
      break;
  }
  return static_cast<int>(cudaGetLastError());
}

}  // namespace convmae::cuda_kernel
