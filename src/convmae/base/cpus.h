#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace convmae {

/// CPUs that this process may keep busy: containers and job schedulers give fewer than there are,
/// by a mask of CPUs or by a quota of time.
std::int64_t usable_cpus();

/// From here on `usable_cpus` is this process's part of them: so many processes have the same ones.
void share_cpus(std::int64_t processes);
/// A number that two processes have in common if they may run on the same CPUs of one machine.
std::int64_t cpu_set_digest();

/// The smallest quota, in CPUs, of a process's control groups and of those above them; nothing
/// without one. `membership` is the text of /proc/PID/cgroup, and `root` has the groups as
/// /sys/fs/cgroup has: cpu.max (version 2), cpu.cfs_quota_us and cpu.cfs_period_us (version 1).
std::optional<double> cpu_quota(std::string_view membership, const std::filesystem::path& root);

}  // namespace convmae
