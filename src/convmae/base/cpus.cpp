#include "convmae/base/cpus.h"

#include "convmae/base/read_file.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <sched.h>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace convmae {
namespace {

std::string text_of(const std::filesystem::path& path) {
  return file_beginning(path, std::size_t{1} << 16);
}

/// `quota` and `period` as the kernel writes them; "max" and -1 are no quota.
std::optional<double> cpus_of(const std::string& quota_and_period) {
  std::istringstream text(quota_and_period);
  double quota = 0;
  double period = 0;
  if (!(text >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

std::optional<double> quota_of_group(const std::filesystem::path& group) {
  if (const auto cpus = cpus_of(text_of(group / "cpu.max"))) return cpus;
  return cpus_of(text_of(group / "cpu.cfs_quota_us") + " " + text_of(group / "cpu.cfs_period_us"));
}

/// Where the hierarchy of a line of /proc/PID/cgroup, "ID:CONTROLLERS:PATH", may be mounted;
/// nowhere if it does not share out time.
std::vector<std::filesystem::path> mounts_of(const std::string& controllers,
                                             const std::filesystem::path& root) {
  if (controllers.empty()) return {root, root / "unified"};
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "cpu") return {root / controllers, root / "cpu"};
  }
  return {};
}

/// The CPUs that the kernel lets this process run on, ascending; none if it does not say.
std::vector<int> cpus_of_mask() {
  // The kernel refuses a set that is smaller than its own.
  constexpr int kMostCpus = 1 << 20;
  for (int cpus = CPU_SETSIZE; cpus <= kMostCpus; cpus *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(
        CPU_ALLOC(cpus), [](cpu_set_t* allocated) { CPU_FREE(allocated); });
    const std::size_t size = CPU_ALLOC_SIZE(cpus);
    if (!set || ::sched_getaffinity(0, size, set.get()) != 0) continue;
    std::vector<int> mask;
    for (int cpu = 0; cpu < cpus; ++cpu) {
      if (CPU_ISSET_S(cpu, size, set.get())) mask.push_back(cpu);
    }
    return mask;
  }
  return {};
}

/// The processes that have the same CPUs as this one, itself among them.
std::int64_t sharing = 1;

}  // namespace

std::optional<double> cpu_quota(std::string_view membership, const std::filesystem::path& root) {
  std::optional<double> smallest;
  std::istringstream lines{std::string(membership)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    // A container sees groups outside of its own as /../GROUP, or under a path that it does not
    // have: then what it has is the root.
    const std::filesystem::path group =
        (std::filesystem::path("/") += line.substr(second + 1)).lexically_normal().relative_path();
    for (const auto& mount : mounts_of(line.substr(first + 1, second - first - 1), root)) {
      for (std::filesystem::path level = group;; level = level.parent_path()) {
        const std::optional<double> quota = quota_of_group(mount / level);
        if (quota && (!smallest || *quota < *smallest)) smallest = quota;
        if (level.empty()) break;
      }
    }
  }
  return smallest;
}

std::int64_t usable_cpus() {
  auto cpus = std::ssize(cpus_of_mask());
  if (cpus == 0) cpus = std::thread::hardware_concurrency();
  if (const auto quota = cpu_quota(text_of("/proc/self/cgroup"), "/sys/fs/cgroup")) {
    // Rounded down: threads that together exceed the quota are all stopped until its period ends.
    cpus = std::min(cpus, static_cast<std::int64_t>(std::min(*quota, 1e9)));
  }
  return std::max<std::int64_t>(1, cpus / sharing);
}

void share_cpus(std::int64_t processes) { sharing = processes; }

std::int64_t cpu_set_digest() {
  std::string text = text_of("/proc/sys/kernel/random/boot_id");
  for (const int cpu : cpus_of_mask()) text.append(" ").append(std::to_string(cpu));
  return static_cast<std::int64_t>(std::hash<std::string>()(text));
}

}  // namespace convmae
