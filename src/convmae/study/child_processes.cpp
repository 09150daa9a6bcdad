#include "convmae/study/child_processes.h"

#include "convmae/base/error.h"
#include "convmae/base/file_descriptor.h"
#include "convmae/base/quote.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace convmae {
namespace {

constexpr std::array kPassedOn{SIGINT, SIGTERM, SIGHUP};
/// What the code of a process that a signal killed is above the signal's number.
constexpr int kSignalCode = 128;
constexpr int kNoProgramCode = 127;

double seconds_of(const timeval& time) {
  constexpr double kMicrosecond = 1e-6;
  return static_cast<double>(time.tv_sec) + kMicrosecond * static_cast<double>(time.tv_usec);
}

FileDescriptor open_for_output(const std::filesystem::path& path, int how) {
  constexpr mode_t kMode = 0666;
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | how, kMode));
  if (!file.is_open()) throw_file_error("write", path, errno);
  return file;
}

}  // namespace

ChildProcesses::ChildProcesses() {
  std::signal(SIGCHLD, SIG_DFL);  // where it is ignored, nobody hears how a process has ended
  sigemptyset(&held_);
  sigaddset(&held_, SIGCHLD);
  for (const int signal : kPassedOn) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    if (action.sa_handler != SIG_IGN) sigaddset(&held_, signal);  // as nohup's SIGHUP
  }
  ::pthread_sigmask(SIG_BLOCK, &held_, &before_);
}

ChildProcesses::~ChildProcesses() {
  send(SIGTERM);
  for (const Child& child : children_) ::waitpid(child.process, nullptr, 0);
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void ChildProcesses::start(const ChildCommand& command,
                           std::function<void(const ChildEnd&)> ended) {
  const FileDescriptor out = open_for_output(command.out, O_TRUNC);
  const FileDescriptor errors = open_for_output(command.errors, O_APPEND);
  std::vector<std::string> words = command.words;
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {  // calls only what may be called between fork and exec
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(kSignalCode + SIGTERM);
    ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
    ::dup2(out.get(), STDOUT_FILENO);
    ::dup2(errors.get(), STDERR_FILENO);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    ::execvp(arguments.front(), arguments.data());
    ::_exit(kNoProgramCode);
  }
  if (child < 0) {
    throw UserError("cannot start " + quote(words.front()) + ": " +
                    std::generic_category().message(errno));
  }
  ::setpgid(child, child);
  children_.push_back({child, std::move(ended)});
}

void ChildProcesses::wait() {
  while (!collect()) {
    const int signal = ::sigwaitinfo(&held_, nullptr);
    if (signal <= 0 || signal == SIGCHLD) continue;
    asked_ = signal;
    send(signal);
    return;
  }
}

void ChildProcesses::send(int signal) const {
  for (const Child& child : children_) ::kill(-child.process, signal);
}

/// Whether one had ended.
bool ChildProcesses::collect() {
  std::vector<std::pair<Child, ChildEnd>> ends;
  std::erase_if(children_, [&ends](Child& child) {
    int status = 0;
    rusage usage{};
    if (::wait4(child.process, &status, WNOHANG, &usage) <= 0) return false;
    const int code = WIFSIGNALED(status) ? kSignalCode + WTERMSIG(status) : WEXITSTATUS(status);
    ends.emplace_back(std::move(child),
                      ChildEnd{code, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime)});
    return true;
  });
  for (const auto& [child, end] : ends) child.ended(end);
  return !ends.empty();
}

}  // namespace convmae
