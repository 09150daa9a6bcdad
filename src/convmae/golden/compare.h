#pragma once

#include "convmae/golden/golden_file.h"

#include <string>

namespace convmae::golden {

/// The comparison of one file. Errors are in units of the tolerance: above 1 is a miss.
struct Verdict {
  double worst = 0;
  std::string worst_name;
  std::int64_t compared = 0;
  /// Names of the file that this program must compute and did not.
  std::vector<std::string> missing;

  bool agrees() const { return worst <= 1 && missing.empty(); }
};

/// Compares every result in the file: |a - b| <= max(1e-4 * max|b|, 10 * rounding) for each tensor,
/// equality for pixels; tensors that the file calls noise are left out.
Verdict compare(const GoldenFile& file, const Replay& replay);

/// Compares the numbers of a JSON file: relative error up to 1e-12.
Verdict compare(const Json& golden, const Replay& replay);

}  // namespace convmae::golden
