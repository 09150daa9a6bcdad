#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace convmae {

/// CPUs that this process may keep busy: containers and job schedulers give fewer than there are,
/// by a mask of CPUs or by a quota of time.
std::int64_t usable_cpus();

/// The smallest quota, in CPUs, of a process's control groups and of those above them; nothing
/// without one. `membership` is the text of /proc/PID/cgroup, and `root` has the groups as
/// /sys/fs/cgroup has: cpu.max (version 2), cpu.cfs_quota_us and cpu.cfs_period_us (version 1).
std::optional<double> cpu_quota(std::string_view membership, const std::filesystem::path& root);

}  // namespace convmae
