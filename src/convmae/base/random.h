#pragma once

#include <array>
#include <cstdint>

namespace convmae {

/// What a random draw is for. Draws of different purposes are independent of each other.
/// The values are part of a run's identity: never renumber them, only append.
enum class Purpose : std::uint32_t {
  order = 1,             ///< the permutation of an epoch
  crop = 2,              ///< RandomResizedCrop: area, aspect ratio, position
  flip = 3,              ///< horizontal mirror
  mask = 4,              ///< the noise that ranks blocks
  drop_path = 5,         ///< stochastic depth
  initialise = 6,        ///< parameters of a new model
  augment = 7,           ///< RandAugment
  mixing = 8,            ///< mixup and cutmix
  replacement = 9,       ///< what stands in for an undecodable sample
  erasing = 10,          ///< random erasing
  channel_dropout = 11,  ///< channels that a segmentor's heads leave out
  anchors = 12,          ///< which anchors a detector learns from
  proposals = 13,        ///< which proposals it learns from
};

/// Philox 4x32 with 10 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC
/// 2011): a bijection of a 128-bit counter under a 64-bit key. Pure function, no state.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// A stream of draws that is a pure function of (seed, epoch, index, purpose): no generator state
/// is carried between samples, so a result does not depend on the number of threads, on the world
/// size or on where a run was interrupted. `index` is the global sample index, or whatever numbers
/// the things that draw (a parameter's number, a block's number).
class CounterRandom {
 public:
  CounterRandom(std::uint64_t seed, std::uint64_t epoch, std::uint64_t index, Purpose purpose);

  /// 32 uniform bits.
  std::uint32_t bits();
  /// Uniform in [0, 1), a multiple of 2^-24, exact in float32.
  float uniform();
  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform_double();
  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform_double(); }
  /// Uniform in {0, ..., n - 1} without bias; n > 0.
  std::uint64_t below(std::uint64_t n);
  /// Standard normal (Box-Muller).
  double normal();
  /// Beta-distributed, a and b > 0.
  double beta(double a, double b);

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace convmae
