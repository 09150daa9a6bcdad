#include "convmae/base/random.h"

#include <cmath>
#include <numbers>

namespace convmae {
namespace {

std::uint32_t low32(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
std::uint32_t high32(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

/// Logarithm of a gamma-distributed draw of scale 1 (Marsaglia and Tsang, "A simple method for
/// generating gamma variables", 2000). Logarithms, because draws of a small shape underflow.
double log_gamma_draw(double shape, CounterRandom& random) {
  if (shape < 1) {
    // log1p, so that a draw of 0 is no special case
    const double log_uniform = std::log1p(-random.uniform_double());
    return log_gamma_draw(shape + 1, random) + log_uniform / shape;
  }
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    const double x = random.normal();
    const double root = 1.0 + c * x;
    const double log_uniform = std::log1p(-random.uniform_double());
    if (root <= 0) continue;
    const double v = root * root * root;
    const double log_v = std::log(v);
    if (log_uniform < 0.5 * x * x + d * (1.0 - v + log_v)) return std::log(d) + log_v;
  }
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> c,
                                        std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53;
  constexpr std::uint64_t kMultiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9;
  constexpr std::uint32_t kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = kMultiplier0 * c[0];
    const std::uint64_t product1 = kMultiplier1 * c[2];
    c = {high32(product1) ^ c[1] ^ key[0], low32(product1), high32(product0) ^ c[3] ^ key[1],
         low32(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return c;
}

// The key holds the seed. Of the counter, one word numbers the blocks of four draws, one holds
// purpose and the high bits of the index, and two hold the low index and the epoch.
CounterRandom::CounterRandom(std::uint64_t seed, std::uint64_t epoch, std::uint64_t index,
                             Purpose purpose)
    : key_{low32(seed), high32(seed)},
      counter_{0, low32(index), low32(epoch),
               (static_cast<std::uint32_t>(purpose) << 24) | (high32(index) & 0xFFFFFF)} {}

std::uint32_t CounterRandom::bits() {
  if (used_ == 4) {
    block_ = philox4x32(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[static_cast<std::size_t>(used_++)];
}

float CounterRandom::uniform() { return static_cast<float>(bits() >> 8) * 0x1.0p-24F; }

double CounterRandom::uniform_double() {
  const std::uint64_t high = bits() >> 5;
  const std::uint64_t low = bits() >> 6;
  return static_cast<double>((high << 26) | low) * 0x1.0p-53;
}

std::uint64_t CounterRandom::below(std::uint64_t n) {
  // Reject the incomplete last interval of 2^64 / n.
  const std::uint64_t reject_below = (0 - n) % n;
  while (true) {
    const std::uint64_t high = bits();
    const std::uint64_t draw = (high << 32) | bits();
    if (draw >= reject_below) return draw % n;
  }
}

double CounterRandom::normal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform_double()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform_double());
}

double CounterRandom::beta(double a, double b) {
  const double log_x = log_gamma_draw(a, *this);
  const double log_y = log_gamma_draw(b, *this);
  return 1.0 / (1.0 + std::exp(log_y - log_x));
}

}  // namespace convmae
