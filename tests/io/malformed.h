#pragma once

#include "convmae/base/error.h"
#include "convmae/base/random.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <sys/resource.h>

namespace convmae::test {

constexpr std::uint64_t kMalformedSeeds = 100;

/// Draws for one malformed file: where the defect is and how large.
using Draws = CounterRandom;

inline Draws draws_of(std::uint64_t seed) { return {seed, 0, 0, Purpose::augment}; }

inline long peak_memory_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

/// `read` must refuse each of the files that `make` gives with a UserError of one line.
inline void expect_refused(const std::function<std::string(Draws&)>& make,
                           const std::function<void(const std::string&)>& read,
                           std::uint64_t seeds = kMalformedSeeds) {
  // Memory is not compared where a sanitizer keeps its own books of it.
  [[maybe_unused]] const long before = peak_memory_kib();
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    Draws draws = draws_of(seed);
    const std::string file = make(draws);
    try {
      read(file);
      ADD_FAILURE() << "seed " << seed << " was read";
      return;
    } catch (const UserError& error) {
      const std::string text = error.what();
      EXPECT_EQ(text.find('\n'), std::string::npos) << text;
      EXPECT_LT(text.size(), 600U) << text;
    }
  }
#ifndef __SANITIZE_ADDRESS__
  EXPECT_LT(peak_memory_kib() - before, 100 * 1024);
#endif
}

}  // namespace convmae::test
