#include "convmae/train/option_checks.h"

#include "convmae/base/error.h"

#include <algorithm>
#include <filesystem>
#include <sched.h>
#include <thread>

namespace convmae {

void require(bool condition, const std::string& message) {
  if (!condition) throw UserError(message);
}

void require_at_least(std::int64_t value, std::int64_t least, const char* flag) {
  require(value >= least, std::string("--") + flag + " must be " + std::to_string(least) +
                              " or more, found " + std::to_string(value));
}

void require_not_negative(double value, const char* flag) {
  require(value >= 0,
          std::string("--") + flag + " must not be negative, found " + std::to_string(value));
}

void require_share(double value, const char* flag) {
  require(
      value >= 0 && value < 1,
      std::string("--") + flag + " must be at least 0 and below 1, found " + std::to_string(value));
}

std::int64_t usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  return std::max<std::int64_t>(1, std::thread::hardware_concurrency());
}

void make_absolute(std::string& path) {
  if (!path.empty()) path = std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace convmae
