#include "convmae/base/file_descriptor.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <mutex>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace convmae {
namespace {

void ignore_file_size_signal() {
  static std::once_flag once;
  std::call_once(once, [] { std::signal(SIGXFSZ, SIG_IGN); });
}

const char* kind_of(mode_t mode) {
  if (S_ISFIFO(mode)) return "named pipe";
  if (S_ISSOCK(mode)) return "socket";
  return "device";
}

void check_regular(const struct stat& status, const std::filesystem::path& path) {
  if (S_ISREG(status.st_mode)) return;
  if (S_ISDIR(status.st_mode)) throw_file_error("read", path, EISDIR);
  throw UserError("cannot read " + quote(path.string()) + ": expected a regular file, found a " +
                  kind_of(status.st_mode) + "; give a file that stays, or copy it to one");
}

FileDescriptor open_regular(const std::filesystem::path& path, int flags) {
  // To open a pipe or a device is to do something with it already: they are told by their names.
  // What takes the name's place in between must not be waited for, hence O_NONBLOCK.
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) check_regular(status, path);
  FileDescriptor file(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666));
  if (!file.is_open()) throw_file_error("open", path, errno);
  if (::fstat(file.get(), &status) != 0) throw_file_error("open", path, errno);
  check_regular(status, path);
  return file;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (is_open()) ::close(fd_);
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

void throw_file_error(const char* verb, const std::filesystem::path& path, int error) {
  std::string message = std::string("cannot ") + verb + " " + quote(path.string()) + ": " +
                        std::generic_category().message(error);
  if (error == ENOSPC || error == EDQUOT) message += "; free some space and try again";
  if (error == EFBIG) message += "; raise the file-size limit (ulimit -f) and try again";
  if (error == ENOENT || error == ENOTDIR) message += "; check the path";
  if (error == EACCES || error == EPERM) message += "; check its permissions";
  throw UserError(message);
}

FileDescriptor open_for_reading(const std::filesystem::path& path) {
  return open_regular(path, O_RDONLY);
}

FileDescriptor open_for_appending(const std::filesystem::path& path) {
  return open_regular(path, O_RDWR | O_CREAT | O_APPEND);
}

void write_all(int fd, std::span<const std::byte> data, const std::filesystem::path& path) {
  ignore_file_size_signal();
  // Linux writes at most 2 GiB at a time; a smaller piece lets an interrupted call go on sooner.
  constexpr std::size_t kPiece = std::size_t{1} << 30;
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), std::min(data.size(), kPiece));
    if (written < 0) {
      if (errno == EINTR) continue;
      throw_file_error("write", path, errno);
    }
    data = data.subspan(static_cast<std::size_t>(written));
  }
}

}  // namespace convmae
