#include "convmae/io/atomic_file.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/utf8.h"

#include <climits>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace convmae {
namespace {

constexpr std::string_view kSuffix = ".convmae-tmp";
constexpr std::size_t kBufferSize = std::size_t{1} << 20;

std::filesystem::path directory_of(const std::filesystem::path& target) {
  return target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
}

/// What the names of a target's temporaries begin with; a process number and a counter follow. A
/// name that is as long as file systems take it would have no room for them.
std::string temporary_prefix(const std::filesystem::path& target) {
  constexpr std::size_t kLongest = 200;
  std::string prefix = ".";
  prefix += utf8_prefix(target.filename().string(), kLongest);
  prefix += '.';
  return prefix;
}

std::filesystem::path temporary_name(const std::filesystem::path& target) {
  static std::atomic<unsigned> counter{0};
  std::string name = temporary_prefix(target);
  name += std::to_string(::getpid()) + '.' + std::to_string(counter++);
  name += kSuffix;
  return directory_of(target) / name;
}

/// Takes ".NUMBER" off the end of `name`.
bool take_number(std::string_view& name) {
  const std::size_t dot = name.find_last_not_of("0123456789");
  if (dot == std::string_view::npos || name[dot] != '.' || dot + 1 == name.size()) return false;
  name = name.substr(0, dot);
  return true;
}

/// Whether `temporary_name` makes such names.
bool is_temporary_name(std::string_view name) {
  if (!name.starts_with('.') || !name.ends_with(kSuffix)) return false;
  name.remove_suffix(kSuffix.size());
  for (int numbers = 0; numbers < 2; ++numbers) {
    if (!take_number(name)) return false;
  }
  return name.size() > 1;
}

/// The open temporaries' names, where a signal handler can read them: it may take no lock, and no
/// memory that another thread may be giving back. A place is free if its name is empty.
struct OpenTemporaries {
  static constexpr std::size_t kPlaces = 16;
  std::array<std::atomic<bool>, kPlaces> taken{};
  std::array<std::array<char, PATH_MAX>, kPlaces> names{};
};

OpenTemporaries open_temporaries;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

/// Returns the place, or -1 if there is none left: then the file is not listed.
int list_temporary(const std::filesystem::path& path) {
  const std::string& name = path.native();
  if (name.size() >= PATH_MAX) return -1;  // it cannot be opened either
  for (std::size_t place = 0; place < OpenTemporaries::kPlaces; ++place) {
    if (open_temporaries.taken.at(place).exchange(true)) continue;
    // The first character goes last: without it the name is no name yet.
    std::array<char, PATH_MAX>& entry = open_temporaries.names.at(place);
    std::copy(name.begin() + 1, name.end() + 1, entry.begin() + 1);
    std::atomic_signal_fence(std::memory_order_release);
    entry.front() = name.front();
    return static_cast<int>(place);
  }
  return -1;
}

void unlist_temporary(int place) {
  if (place < 0) return;
  open_temporaries.names.at(static_cast<std::size_t>(place)).front() = '\0';
  open_temporaries.taken.at(static_cast<std::size_t>(place)) = false;
}

/// Removes them and lets the signal do what it does by default.
void end_without_temporaries(int signal) {
  for (const std::array<char, PATH_MAX>& name : open_temporaries.names) {
    if (name.front() != '\0') ::unlink(name.data());
  }
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

int remove_abandoned(const std::filesystem::path& directory, std::string_view prefix,
                     std::error_code& error) {
  int removed = 0;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix) || !is_temporary_name(name)) continue;
    const FileDescriptor file(
        ::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    if (!file.is_open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) continue;
    if (::unlink(entry->path().c_str()) == 0) ++removed;
  }
  return removed;
}

/// Opens and locks the temporary. Between the two steps a cleaner may take the file for abandoned
/// and unlink it: then the link count is zero, and the next name is tried.
FileDescriptor create_locked(const std::filesystem::path& target, std::filesystem::path& temporary,
                             int& listed) {
  constexpr int kAttempts = 100;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    unlist_temporary(std::exchange(listed, -1));
    temporary = temporary_name(target);
    listed = list_temporary(temporary);
    FileDescriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file.is_open()) {
      if (errno == EEXIST) continue;  // left by a killed process that had the same number
      const int error = errno;
      unlist_temporary(std::exchange(listed, -1));
      throw_file_error("create", target, error);
    }
    // Some network file systems have no locks; there, temporaries are never taken for abandoned.
    ::flock(file.get(), LOCK_EX | LOCK_NB);
    struct stat status {};
    if (::fstat(file.get(), &status) == 0 && status.st_nlink > 0) return file;
  }
  unlist_temporary(std::exchange(listed, -1));
  throw_file_error("create", target, EEXIST);
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)) {
  std::error_code ignored;
  const std::filesystem::path link = std::filesystem::read_symlink(target_, ignored);
  if (link.string().starts_with("/proc/")) {
    throw UserError("cannot write " + quote(target_.string()) +
                    ": it stands for an open stream; give the name of a file");
  }
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(target_, error);
  if (error == std::errc::filename_too_long) {
    throw_file_error("create", target_, error.value());  // the temporary's name may fit
  }
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw UserError("cannot write " + quote(target_.string()) +
                    ": it exists and is not a regular file; choose another name");
  }
  std::error_code unreadable;
  remove_abandoned(directory_of(target_), temporary_prefix(target_), unreadable);
  file_ = create_locked(target_, temporary_, listed_);
  buffer_.reserve(kBufferSize);
}

AtomicFile::~AtomicFile() {
  if (!file_.is_open()) return;
  ::unlink(temporary_.c_str());
  close();
}

void AtomicFile::close() {
  unlist_temporary(std::exchange(listed_, -1));
  file_ = FileDescriptor();
}

void AtomicFile::flush() {
  write_all(file_.get(), buffer_, target_);
  buffer_.clear();
}

void AtomicFile::write(std::span<const std::byte> data) {
  if (buffer_.size() + data.size() > kBufferSize) flush();
  if (data.size() >= kBufferSize) {
    write_all(file_.get(), data, target_);
  } else {
    buffer_.insert(buffer_.end(), data.begin(), data.end());
  }
  size_ += data.size();
}

void AtomicFile::write_at(std::size_t position, std::span<const std::byte> data) {
  flush();
  while (!data.empty()) {
    const ssize_t count =
        ::pwrite(file_.get(), data.data(), data.size(), static_cast<off_t>(position));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_file_error("write", target_, errno);
    data = data.subspan(static_cast<std::size_t>(count));
    position += static_cast<std::size_t>(count);
  }
}

void AtomicFile::commit() {
  flush();
  if (::fsync(file_.get()) != 0) throw_file_error("write", target_, errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    throw_file_error("write", target_, errno);
  }
  close();
  const std::filesystem::path directory = directory_of(target_);
  const FileDescriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open()) throw_file_error("open", directory, errno);
  // EINVAL: this file system has nothing to synchronise in a directory.
  if (::fsync(opened.get()) != 0 && errno != EINVAL) throw_file_error("write", directory, errno);
}

void require_writable(const std::filesystem::path& target) { const AtomicFile probe(target); }

void require_writable_directory(const std::filesystem::path& directory) {
  std::filesystem::path above = std::filesystem::absolute(directory);
  std::error_code error;
  while (!std::filesystem::exists(std::filesystem::symlink_status(above, error)) &&
         above != above.parent_path()) {
    above = above.parent_path();
  }
  if (!std::filesystem::is_directory(above, error)) {
    throw_file_error("make", directory, ENOTDIR);
  }
  if (::access(above.c_str(), W_OK | X_OK) != 0) throw_file_error("write to", above, errno);
}

void write_file_atomically(const std::filesystem::path& target, std::string_view content) {
  AtomicFile file(target);
  file.write(content);
  file.commit();
}

void require_absent(const std::filesystem::path& path, const std::string& flag) {
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) return;
  throw UserError(quote(path.string()) +
                  " is there already and would be replaced, but is not "
                  "from an earlier call: choose another " +
                  flag + ", or move it away");
}

int remove_abandoned_temporaries(const std::filesystem::path& directory) {
  std::error_code error;
  const int removed = remove_abandoned(directory, ".", error);
  if (error) throw_file_error("read", directory, error.value());
  return removed;
}

void remove_temporaries_on_signals() {
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGPIPE}) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    if (action.sa_handler != SIG_DFL) continue;  // such as nohup's SIGHUP
    action.sa_handler = end_without_temporaries;
    sigfillset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace convmae
