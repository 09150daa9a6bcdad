#pragma once

#include "convmae/ops/gemm.h"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace convmae {

/// How fast each backend computes one of a step's GEMMs, alone and in a warm cache.
struct GemmRate {
  ops::GemmShape shape;
  std::int64_t calls = 0;               ///< a step
  double aten_gflops = 0;               ///< GFLOP a CPU second
  double onednn_gflops = 0;             ///< likewise
  std::optional<double> native_gflops;  ///< likewise, for types and CPUs that it is there for

  double best_gflops() const;
  /// CPU seconds that the calls of a step take at the best rate.
  double seconds_at_best() const;
  /// The same by at::linear, as published code computes them.
  double seconds_with_aten() const;
};

/// Measures every shape; takes about a fifth of a second each.
std::vector<GemmRate> measure_gemms(const std::map<ops::GemmShape, std::int64_t>& calls);

}  // namespace convmae
