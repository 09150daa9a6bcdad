#include "convmae/io/file_descriptor.h"

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
  throw UserError(message);
}

FileDescriptor open_for_reading(const std::filesystem::path& path) {
  // O_NONBLOCK: a named pipe must be refused below, not waited for.
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) throw_file_error("open", path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_file_error("open", path, errno);
  if (S_ISDIR(status.st_mode)) throw_file_error("read", path, EISDIR);
  if (!S_ISREG(status.st_mode)) {
    throw UserError("cannot read " + quote(path.string()) +
                    ": expected a regular file, found a device, pipe or socket");
  }
  return file;
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
