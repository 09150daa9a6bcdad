#include "convmae/base/threads.h"

#include "convmae/base/error.h"

#include <csignal>
#include <exception>
#include <pthread.h>

namespace convmae {
namespace {

/// Keeps signals from the threads that are started while it lives: they inherit its mask.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t blocked;
    sigfillset(&blocked);
    // Raised by what a thread itself does. Blocked, they would end the process without its core.
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) {
      sigdelset(&blocked, fault);
    }
    pthread_sigmask(SIG_SETMASK, &blocked, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

void require_thread_count(std::int64_t count, const std::string& flag) {
  constexpr std::int64_t kMost = 4096;
  if (count <= kMost) return;
  throw UserError(flag + " must be at most " + std::to_string(kMost) + ", found " +
                  std::to_string(count));
}

std::vector<std::thread> start_threads(std::int64_t count, const std::function<void()>& work,
                                       const std::function<void()>& stop, const std::string& flag) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  try {
    const SignalsBlocked blocked;
    for (std::int64_t i = 0; i < count; ++i) threads.emplace_back(work);
  } catch (const std::exception& error) {
    stop();
    for (std::thread& thread : threads) thread.join();
    throw UserError("the system refuses a thread after " + std::to_string(threads.size()) + " (" +
                    error.what() + "): give a smaller " + flag);
  }
  return threads;
}

}  // namespace convmae
