#pragma once

#include "golden/replay/golden_file.h"
#include <string>
#include <vector>

namespace convmae::golden {

/// The comparison of one file. Errors are in units of the tolerance: above 1 is a miss.
struct Verdict {
  double worst = 0;
  std::string worst_name;
  std::int64_t compared = 0;
  /// Names of the file that this program must compute and did not.
  std::vector<std::string> missing;
  /// What this program computed and the file has none of: gradients, entries of JSON files.
  std::vector<std::string> extra;

  /// Takes the error of one comparison. One that is not a number is infinite, and stays.
  void note(double error, const std::string& name);
  /// Whether the file holds nothing that could be compared: inputs alone.
  bool nothing() const { return compared == 0 && missing.empty(); }
  bool agrees() const { return compared > 0 && worst <= 1 && missing.empty() && extra.empty(); }
};

/// Compares every result in the file: |a - b| <= max(1e-4 * max|b|, 10 * rounding) for each tensor,
/// equality for pixels; what is not finite on either side is a miss. Tensors that the file calls
/// noise are left out.
Verdict compare(const GoldenFile& file, const Replay& replay);

/// Compares everything in a JSON file but the replay's inputs: numbers up to a relative error of
/// 1e-12, all else for equality.
Verdict compare(const Json& golden, const Replay& replay);

}  // namespace convmae::golden
