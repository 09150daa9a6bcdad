#include "convmae/cli/processes.h"

#include "convmae/base/cpus.h"

#include <algorithm>
#include <cstdint>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace convmae {
namespace {

/// Sends what this process prints to nowhere, and returns where its errors went until now.
int leave_console() {
  const int console = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return console;
  ::dup2(nowhere, STDOUT_FILENO);
  ::dup2(nowhere, STDERR_FILENO);
  ::close(nowhere);
  return console;
}

}  // namespace

void Processes::join(std::chrono::seconds timeout) {
  std::optional<Launch> launch = launch_of(process_environment());
  if (!launch) return;
  group_.emplace(std::move(*launch), timeout);
  const std::int64_t own = cpu_set_digest();
  share_cpus(std::ranges::count(group_->all(own), own));
  if (!group_->is_first()) console_ = leave_console();
}

bool Processes::tells_error() {
  if (!group_) return true;
  if (!group_->leave_with_error()) return false;
  if (console_ >= 0) ::dup2(console_, STDERR_FILENO);
  return true;
}

}  // namespace convmae
