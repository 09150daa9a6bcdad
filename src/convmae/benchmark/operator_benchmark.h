#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <vector>

namespace convmae {

/// Forward and backward pass of one operator, alone, at a size that ConvMAE-B gives it.
struct OperatorCost {
  std::string name;
  std::string size;        ///< in words
  double cpu_seconds = 0;  ///< a call
  double flops = 0;        ///< floating-point operations that it cannot do without
  double bytes = 0;        ///< of memory that it cannot leave unread or unwritten

  double gigabytes_per_second() const { return bytes / cpu_seconds / 1e9; }
  double gflops() const { return flops / cpu_seconds / 1e9; }
};

/// What this machine can do at most, measured: the limits that the operators are held against.
struct MachineLimits {
  double gigabytes_per_second = 0;  ///< of copying a tensor that no cache holds, reads and writes
  double gflops = 0;                ///< of a large square GEMM, best backend

  /// The share of the nearer limit that the operator reaches.
  double share(const OperatorCost& cost) const;
};

/// Both in GEMMs and operators of one type; batches of `batch_size` images.
MachineLimits measure_limits(c10::ScalarType type);
std::vector<OperatorCost> benchmark_operators(c10::ScalarType type, std::int64_t batch_size);

}  // namespace convmae
