#include "convmae/train/interrupt.h"

#include "convmae/train/observer.h"

#include <gtest/gtest.h>

#include <functional>
#include <sys/wait.h>
#include <unistd.h>

namespace convmae {
namespace {

/// What a process ends with that does `work` under a guard: 0 if that is so.
int code_of(const std::function<bool(InterruptGuard& guard)>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    InterruptGuard guard;
    ::_exit(work(guard) ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool interrupts(const InterruptGuard& guard) {
  try {
    guard.check();
  } catch (const Interrupted&) {
    return true;
  }
  return false;
}

TEST(InterruptGuard, NotesTheFirstSignal) {
  const auto work = [](InterruptGuard& guard) {
    const bool before = interrupts(guard);
    std::raise(SIGUSR1);
    std::raise(SIGTERM);
    return !before && interrupts(guard) && guard.signal() == SIGUSR1;
  };
  EXPECT_EQ(code_of(work), 0);
}

TEST(InterruptGuard, EndsAtOnceAtTheSecondOfAKind) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const auto work = [signal](InterruptGuard&) {
      std::raise(signal);
      std::raise(signal);
      return true;
    };
    EXPECT_EQ(code_of(work), 128 + signal);
  }
}

TEST(InterruptGuard, OneThatAnotherProcessHasGotFirstIsNoSecond) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const auto work = [signal](InterruptGuard& guard) {
      guard.adopt(signal);
      std::raise(signal);
      return interrupts(guard) && guard.signal() == signal;
    };
    EXPECT_EQ(code_of(work), 0);
  }
}

TEST(InterruptGuard, AllGoByTheOneThatIsAdopted) {
  const auto work = [](InterruptGuard& guard) {
    std::raise(SIGUSR1);
    guard.adopt(SIGTERM);
    return guard.signal() == SIGTERM;
  };
  EXPECT_EQ(code_of(work), 0);
}

}  // namespace
}  // namespace convmae
