#pragma once

#include "convmae/data/resize/resize.h"
#include "convmae/data/resize/resize_kernels.h"

#include <cstdint>
#include <vector>

namespace convmae {

/// Which inputs each output of a one-dimensional resampling takes, with what weights.
struct ResizeWeights {
  /// Weights an output has room for; those behind its own count are zero.
  std::int64_t stride = 0;
  std::vector<std::int64_t> first;  ///< first input of each output
  std::vector<std::int64_t> count;  ///< number of inputs of each output
  std::vector<double> weights;      ///< [outputs, stride]

  std::int64_t outputs() const { return static_cast<std::int64_t>(first.size()); }
  const double* of(std::int64_t output) const { return weights.data() + output * stride; }
};

/// Weights of the outputs `begin .. end - 1` of a resampling from `in` to `out` values.
ResizeWeights resize_weights(std::int64_t in, std::int64_t out, std::int64_t begin,
                             std::int64_t end, Filter filter);

/// Number of fraction bits of the integer weights: 8-bit values times weights sum up in 32 bits.
constexpr int kWeightBits = 32 - 8 - 2;

/// The same rounded to multiples of 2^-kWeightBits, half away from zero, in the two forms that the
/// inner loops take. Coarse ones are multiples of 2^kLowBits times that, whose sum is one.
class FixedPointWeights {
 public:
  FixedPointWeights(ResizeWeights weights, WeightPrecision precision);

  /// Valid as long as this object.
  PassWeights view() const;

 private:
  void make_coarse();

  ResizeWeights exact_;
  WeightPrecision precision_;
  std::vector<std::int32_t> fixed_;
  std::vector<std::int16_t> halves_;
  std::int64_t halves_stride_;
};

}  // namespace convmae
