#pragma once

#include "convmae/base/error.h"
#include "convmae/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <functional>
#include <ostream>
#include <string>
#include <sys/resource.h>

namespace convmae::test {

constexpr std::uint64_t kMalformedSeeds = 100;

/// Draws for one malformed file: where the defect is and how large.
using Draws = CounterRandom;

inline Draws draws_of(std::uint64_t seed) { return {seed, 0, 0, Purpose::augment}; }

using MakeFile = std::function<std::string(Draws&)>;
using ReadFile = std::function<void(const std::string&)>;

/// The peak since it was last forgotten, or of the whole process where the system does not forget.
inline long peak_memory_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

/// Without this a test after a larger one could take what that one took unseen.
inline void forget_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

/// One line of printable ASCII.
inline bool is_readable(const std::string& text) {
  return !text.empty() && text.size() < 600 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

/// `read` must refuse each of the files that `make` gives with a UserError whose one line contains
/// `says`.
inline void expect_refused(const MakeFile& make, const ReadFile& read, const std::string& says = "",
                           std::uint64_t seeds = kMalformedSeeds) {
  // Memory is not compared where a sanitizer keeps its own books of it.
  forget_peak_memory();
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
      ASSERT_TRUE(is_readable(text)) << "seed " << seed << ": " << text;
      ASSERT_NE(text.find(says), std::string::npos) << "seed " << seed << ": " << text;
    }
  }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(peak_memory_kib() - before, 100 * 1024);
#endif
}

/// `read` must take each of the files that `make` gives.
inline void expect_tolerated(const MakeFile& make, const ReadFile& read) {
  for (std::uint64_t seed = 0; seed < kMalformedSeeds; ++seed) {
    Draws draws = draws_of(seed);
    const std::string file = make(draws);
    EXPECT_NO_THROW(read(file)) << "seed " << seed;
  }
}

/// A row of a reader's table: a defect, its name in the list of tests, and what the reader says of
/// it.
template <typename Defect>
struct Expectation {
  Defect defect;
  const char* name;
  const char* says;  ///< part of the error, or kTolerated
};

/// The format's library reads the file in spite of the defect, as other programs do.
constexpr const char* kTolerated = nullptr;

template <typename Defect>
std::ostream& operator<<(std::ostream& out, const Expectation<Defect>& expectation) {
  return out << (expectation.says == kTolerated ? "tolerated" : expectation.says);
}

template <typename Defect>
void expect_as_stated(const Expectation<Defect>& expectation, const MakeFile& make,
                      const ReadFile& read) {
  if (expectation.says == kTolerated) {
    expect_tolerated(make, read);
  } else {
    expect_refused(make, read, expectation.says);
  }
}

/// The last argument of INSTANTIATE_TEST_SUITE_P for such a table.
struct NameOfDefect {
  template <typename Defect>
  std::string operator()(const testing::TestParamInfo<Expectation<Defect>>& row) const {
    return row.param.name;
  }
};

}  // namespace convmae::test
