#include "convmae/base/threads.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <future>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace convmae {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Threads, SeeFaultsOfTheirOwnAndNoOtherSignals) {
  std::promise<sigset_t> mask;
  auto threads = start_threads(
      1,
      [&mask] {
        sigset_t blocked;
        pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
        mask.set_value(blocked);
      },
      [] {}, "--flag");
  threads.front().join();
  const sigset_t blocked = mask.get_future().get();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    EXPECT_EQ(sigismember(&blocked, signal), 1) << signal;
  }
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    EXPECT_EQ(sigismember(&blocked, signal), 0) << signal;
  }
  sigset_t own;
  pthread_sigmask(SIG_SETMASK, nullptr, &own);
  EXPECT_EQ(sigismember(&own, SIGINT), 0);
}

/// In a process of its own, whose memory has no room for the stacks of that many threads.
TEST(Threads, ThatAreRefusedAreAnErrorThatLeavesNone) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers need address space themselves";
#endif
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit little{rlim_t{1} << 30, rlim_t{1} << 30};
    ::setrlimit(RLIMIT_AS, &little);
    std::promise<void> end;
    const std::shared_future<void> ended = end.get_future().share();
    std::atomic<int> alive{0};
    const auto work = [&] {
      ++alive;
      ended.wait();
      --alive;
    };
    try {
      start_threads(
          2000, work, [&end] { end.set_value(); }, "--flag");
    } catch (const UserError& error) {
      const std::string text = error.what();
      const bool named = text.find("unavailable") != std::string::npos && text.ends_with("--flag");
      ::_exit(named && alive == 0 ? 0 : 2);
    }
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Threads, BeyondAllReasonAreNotTried) {
  require_thread_count(4096, "--flag");
  EXPECT_THAT([] { require_thread_count(100000, "--flag"); },
              ThrowsMessage<UserError>(AllOf(HasSubstr("--flag"), HasSubstr("4096"))));
}

}  // namespace
}  // namespace convmae
