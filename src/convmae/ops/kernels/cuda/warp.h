#pragma once

#include "convmae/ops/kernels/cuda/number.h"

namespace convmae::cuda_kernel {

constexpr int kWarp = 32;

/// The 32 threads of a warp, which share a piece of work and all come to the same calls. On a GPU
/// each of them does its own lane's part. On the host one thread does the parts of all lanes, one
/// after another, and adds up as the GPU does, so that tests see the same sums.
class Warp {
 public:
#if defined(__CUDA_ARCH__)
  CONVMAE_HOST_DEVICE explicit Warp(int lane) : lane_(lane) {}
#endif

  /// The sum of term(lane) over all lanes, for all of them.
  template <typename Term>
  CONVMAE_HOST_DEVICE auto sum(const Term& term) const {
#if defined(__CUDA_ARCH__)
    auto value = term(lane_);
    for (int other = kWarp / 2; other > 0; other /= 2) {
      value += __shfl_xor_sync(~0U, value, other);
    }
    return value;
#else
    decltype(term(0)) values[kWarp];
    for (int lane = 0; lane < kWarp; ++lane) values[lane] = term(lane);
    for (int other = kWarp / 2; other > 0; other /= 2) {
      for (int lane = 0; lane < other; ++lane) values[lane] += values[lane + other];
    }
    return values[0];
#endif
  }

  /// Calls work(lane) for every lane.
  template <typename Work>
  CONVMAE_HOST_DEVICE void each(const Work& work) const {
#if defined(__CUDA_ARCH__)
    work(lane_);
#else
    for (int lane = 0; lane < kWarp; ++lane) work(lane);
#endif
  }

#if defined(__CUDA_ARCH__)

 private:
  int lane_;
#endif
};

}  // namespace convmae::cuda_kernel
