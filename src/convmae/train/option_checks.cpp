#include "convmae/train/option_checks.h"

#include "convmae/base/error.h"
#include "convmae/report/format.h"

#include <filesystem>
#include <limits>

namespace convmae {

void require(bool condition, const std::string& message) {
  if (!condition) throw UserError(message);
}

void require_at_least(std::int64_t value, std::int64_t least, const char* flag) {
  require(value >= least, std::string("--") + flag + " must be " + std::to_string(least) +
                              " or more, found " + std::to_string(value));
}

void require_count(std::int64_t value, const char* flag) {
  require_at_least(value, 1, flag);
  require(value <= kMostCounted, std::string("--") + flag + " must be at most " +
                                     std::to_string(kMostCounted) + ", found " +
                                     std::to_string(value));
}

void require_not_negative(double value, const char* flag) {
  // What a float32 cannot hold is infinite to a weight.
  require(value >= 0 && value <= std::numeric_limits<float>::max(),
          std::string("--") + flag +
              " must not be negative nor infinite, nor over 3.4e38 (what float32 holds), found " +
              format_number(value));
}

void require_share(double value, const char* flag) {
  require(
      value >= 0 && value < 1,
      std::string("--") + flag + " must be at least 0 and below 1, found " + std::to_string(value));
}

void make_absolute(std::string& path) {
  if (!path.empty()) path = std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace convmae
