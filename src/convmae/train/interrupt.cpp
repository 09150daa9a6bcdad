#include "convmae/train/interrupt.h"

#include <array>
#include <csignal>
#include <unistd.h>

namespace convmae {
namespace {

constexpr std::array<int, 3> kSignals{SIGINT, SIGTERM, SIGUSR1};

volatile std::sig_atomic_t arrived = 0;

void note_signal(int signal) {
  // Shells name a process that a signal ended by 128 plus its number.
  if (arrived != 0) ::_exit(128 + signal);
  arrived = signal;
}

void install(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  // Reads and writes go on where they were.
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) ::sigaction(signal, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  arrived = 0;
  install(note_signal);
}

InterruptGuard::~InterruptGuard() { install(SIG_DFL); }

int InterruptGuard::signal() const { return arrived; }

}  // namespace convmae
