#include "convmae/train/interrupt.h"

#include "convmae/train/observer.h"

#include <cerrno>
#include <cstddef>
#include <string_view>
#include <unistd.h>

namespace convmae {
namespace {

constexpr std::string_view kEraseLine = "\r\x1b[K";
constexpr std::string_view kNotice =
    "convmae: stopping: saving a checkpoint first; press Ctrl-C again to end at once\n";

volatile std::sig_atomic_t arrived = 0;
/// Apart from the other: what all processes are sent may arrive here only after one of them has
/// told of it, and is then no second one.
std::sig_atomic_t adopted = 0;
volatile std::sig_atomic_t on_terminal = 0;

void note_signal(int signal) {
  if (arrived != 0) {
    // Shells name a process that a signal ended by 128 plus its number.
    if (signal == SIGINT || (signal == SIGTERM && arrived == SIGTERM)) ::_exit(128 + signal);
    return;
  }
  arrived = signal;
  const int before = errno;
  // From here, as it may be a while until the trainer asks. A lost notice does no harm.
  [[maybe_unused]] ssize_t written = 0;
  if (on_terminal != 0) written = ::write(STDERR_FILENO, kEraseLine.data(), kEraseLine.size());
  written = ::write(STDERR_FILENO, kNotice.data(), kNotice.size());
  errno = before;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  arrived = 0;
  adopted = 0;
  on_terminal = ::isatty(STDERR_FILENO);
  struct sigaction action {};
  // Reads and writes go on where they were.
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    if (kSignals[i] == SIGHUP && before_[i].sa_handler == SIG_IGN) continue;
    action.sa_handler = kSignals[i] == SIGPIPE ? SIG_IGN : note_signal;
    ::sigaction(kSignals[i], &action, nullptr);
  }
}

InterruptGuard::~InterruptGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &before_[i], nullptr);
  }
}

int InterruptGuard::signal() const { return adopted != 0 ? adopted : arrived; }

void InterruptGuard::adopt(std::int64_t signal) {
  adopted = static_cast<std::sig_atomic_t>(signal);
}

void InterruptGuard::check() const {
  if (signal() != 0) throw Interrupted();
}

}  // namespace convmae
