#include "convmae/dist/local_processes.h"

#include "convmae/base/error.h"
#include "convmae/base/file_descriptor.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <optional>
#include <string_view>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace convmae {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::array kPassedOn{SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};
/// What a process that has been asked to end, or was killed, adds the number of the signal to.
constexpr int kSignalCode = 128;
constexpr int kNoProgramCode = 127;

/// Keeps signals for `next` while this object lives.
class HeldSignals {
 public:
  HeldSignals() {
    std::signal(SIGCHLD, SIG_DFL);  // where it is ignored, nobody hears how a process has ended
    sigemptyset(&held_);
    sigaddset(&held_, SIGCHLD);
    for (const int signal : kPassedOn) hold_unless_ignored(signal);
    hold_unless_ignored(SIGTSTP);
    ::pthread_sigmask(SIG_BLOCK, &held_, &before_);
  }
  ~HeldSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  /// The next one, or 0 if there is none until `deadline` or for a while.
  int next(const std::optional<Clock::time_point>& deadline) const {
    Clock::duration wait = std::chrono::seconds(1);  // another thread may take a signal
    if (deadline) wait = std::clamp(*deadline - Clock::now(), Clock::duration(0), wait);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait);
    const timespec time{.tv_sec = seconds.count(),
                        .tv_nsec = std::chrono::nanoseconds(wait - seconds).count()};
    return std::max(0, ::sigtimedwait(&held_, nullptr, &time));
  }
  const sigset_t& before() const { return before_; }

 private:
  /// A signal that is held arrives also where it is ignored, as nohup's SIGHUP.
  void hold_unless_ignored(int signal) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    if (action.sa_handler != SIG_IGN) sigaddset(&held_, signal);
  }

  sigset_t held_{};
  sigset_t before_{};
};

/// This process's environment with the variables of a process in place of those of a launcher that
/// has started this one.
std::vector<std::string> environment_of(const LocalProcesses& processes, std::int64_t rank) {
  const std::string number = std::to_string(rank);
  const std::string count = std::to_string(processes.count);
  const std::array<std::pair<std::string_view, std::string>, 7> own{
      {{"RANK=", number},
       {"WORLD_SIZE=", count},
       {"LOCAL_RANK=", number},
       {"LOCAL_WORLD_SIZE=", count},
       {"MASTER_ADDR=", "127.0.0.1"},
       {"MASTER_PORT=", std::to_string(processes.port)},
       {"TORCHELASTIC_USE_AGENT_STORE=", "False"}}};
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    const bool replaced = std::any_of(
        own.begin(), own.end(), [&](const auto& one) { return variable.starts_with(one.first); });
    if (!replaced) result.emplace_back(variable);
  }
  for (const auto& [name, value] : own) result.push_back(std::string(name) + value);
  return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// How long, for a message.
std::string text_of(std::chrono::milliseconds time) {
  constexpr std::int64_t kSecond = 1000;
  return time.count() % kSecond == 0 ? std::to_string(time.count() / kSecond) + " s"
                                     : std::to_string(time.count()) + " ms";
}

class Group {
 public:
  explicit Group(const LocalProcesses& processes) : processes_(processes) {}

  int run() {
    for (std::int64_t rank = 0; rank < processes_.count; ++rank) start(rank);
    collect();
    while (running() > 0) {
      const int signal = signals_.next(deadline_);
      if (signal == SIGTSTP) {
        stop_and_go_on();
      } else if (signal != 0 && signal != SIGCHLD) {
        passed_on_.push_back(signal);
        send(signal);
      }
      collect();
      if (deadline_ && Clock::now() >= *deadline_) hurry();
    }
    return code_;
  }

 private:
  std::int64_t running() const {
    return std::count_if(children_.begin(), children_.end(), [](pid_t child) { return child > 0; });
  }

  void start(std::int64_t rank) {
    std::vector<std::string> words = processes_.command;
    std::vector<std::string> variables = environment_of(processes_, rank);
    const std::vector<char*> arguments = pointers_to(words);
    const std::vector<char*> environment = pointers_to(variables);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) become(parent, rank == 0, arguments.data(), environment.data());
    if (child < 0) {
      const int error = errno;
      send(SIGKILL);
      for (const pid_t started : children_) ::waitpid(started, nullptr, 0);
      throw UserError("cannot start process " + std::to_string(rank) + " of " +
                      std::to_string(processes_.count) + ": " +
                      std::generic_category().message(error));
    }
    // Here too: a signal may have to be passed on before the process has come so far.
    ::setpgid(child, child);
    children_.push_back(child);
  }

  /// Calls only what may be called between fork and exec.
  [[noreturn]] void become(pid_t parent, bool is_first, char* const* arguments,
                           char* const* environment) const {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(kSignalCode + SIGTERM);
    // Outside of the terminal's group, it may print there also where the terminal minds.
    std::signal(SIGTTOU, SIG_IGN);
    if (!is_first) {
      const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      ::dup2(nothing, STDIN_FILENO);
    }
    ::pthread_sigmask(SIG_SETMASK, &signals_.before(), nullptr);
    ::execve(processes_.program.c_str(), arguments, environment);
    ::_exit(kNoProgramCode);
  }

  /// To all that run, and to what they may have started in turn.
  void send(int signal) const {
    for (const pid_t child : children_) {
      if (child > 0) ::kill(-child, signal);
    }
  }

  void stop_and_go_on() const {
    send(SIGSTOP);
    ::raise(SIGSTOP);
    send(SIGCONT);
  }

  void collect() {
    for (std::size_t rank = 0; rank < children_.size(); ++rank) {
      int status = 0;
      if (children_[rank] == 0 || ::waitpid(children_[rank], &status, WNOHANG) <= 0) continue;
      children_[rank] = 0;
      note_end(rank, status);
    }
  }

  void note_end(std::size_t rank, int status) {
    const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    const int code = signal != 0 ? kSignalCode + signal : WEXITSTATUS(status);
    if (code == 0) return;
    if (code_ == 0) code_ = code;
    if (signal == 0 && code > kSignalCode) return;  // asked to end: others may have to save
    if (signal != 0 && std::ranges::find(passed_on_, signal) == passed_on_.end()) {
      tell("process " + std::to_string(rank) + " of " + std::to_string(processes_.count) +
           " was killed by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")");
    }
    if (!deadline_) deadline_ = Clock::now() + processes_.grace;
  }

  /// Ends what did not end by itself.
  void hurry() {
    if (running() == 0) return;
    const int signal = asked_ ? SIGKILL : SIGTERM;
    if (!asked_) {
      tell("not all of the other processes ended within " + text_of(processes_.grace) +
           ": they are ended now");
    }
    asked_ = true;
    passed_on_.push_back(signal);
    send(signal);
    deadline_ = Clock::now() + processes_.grace;
  }

  void tell(const std::string& line) const {
    if (processes_.tell) processes_.tell(line);
  }

  const LocalProcesses& processes_;
  HeldSignals signals_;
  std::vector<pid_t> children_;  ///< by rank; 0 where it has ended
  std::vector<int> passed_on_;
  std::optional<Clock::time_point> deadline_;
  bool asked_ = false;
  int code_ = 0;
};

}  // namespace

int run_local_processes(const LocalProcesses& processes) { return Group(processes).run(); }

std::uint16_t free_port(std::uint16_t wanted) {
  const FileDescriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Connections of an earlier run that are still fading away do not take the port.
  const int reuse = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(wanted);
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  socklen_t size = sizeof(address);
  auto* const place = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener.get(), place, size) == 0 &&
      ::getsockname(listener.get(), place, &size) == 0) {
    return ntohs(address.sin_port);
  }
  const std::string reason = std::generic_category().message(errno);
  throw UserError(wanted == 0 ? "this machine has no free port: " + reason
                              : "port " + std::to_string(wanted) + " is not to be had: " + reason +
                                    "; choose another one");
}

}  // namespace convmae
