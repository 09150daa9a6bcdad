#include "convmae/io/atomic_file.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <atomic>
#include <cerrno>
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

std::filesystem::path temporary_name(const std::filesystem::path& target) {
  static std::atomic<unsigned> counter{0};
  std::string name = ".";
  name += target.filename().string();
  name += '.' + std::to_string(::getpid()) + '.' + std::to_string(counter++);
  name += kSuffix;
  return directory_of(target) / name;
}

/// Opens and locks the temporary. Between the two steps a cleaner may take the file for abandoned
/// and unlink it: then the link count is zero, and the next name is tried.
FileDescriptor create_locked(const std::filesystem::path& target,
                             std::filesystem::path& temporary) {
  constexpr int kAttempts = 100;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    temporary = temporary_name(target);
    FileDescriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file.is_open()) {
      if (errno == EEXIST) continue;  // left by a killed process that had the same number
      throw_file_error("create", target, errno);
    }
    // Some network file systems have no locks; there, temporaries are never taken for abandoned.
    ::flock(file.get(), LOCK_EX | LOCK_NB);
    struct stat status {};
    if (::fstat(file.get(), &status) == 0 && status.st_nlink > 0) return file;
  }
  throw_file_error("create", target, EEXIST);
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(target_, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw UserError("cannot write " + quote(target_.string()) +
                    ": it exists and is not a regular file; choose another name");
  }
  file_ = create_locked(target_, temporary_);
  buffer_.reserve(kBufferSize);
}

AtomicFile::~AtomicFile() {
  if (file_.is_open()) ::unlink(temporary_.c_str());
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
  file_ = FileDescriptor();
  const std::filesystem::path directory = directory_of(target_);
  const FileDescriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open()) throw_file_error("open", directory, errno);
  // EINVAL: this file system has nothing to synchronise in a directory.
  if (::fsync(opened.get()) != 0 && errno != EINVAL) throw_file_error("write", directory, errno);
}

void write_file_atomically(const std::filesystem::path& target, std::string_view content) {
  AtomicFile file(target);
  file.write(content);
  file.commit();
}

int remove_abandoned_temporaries(const std::filesystem::path& directory) {
  int removed = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with('.') || !name.ends_with(kSuffix)) continue;
    const FileDescriptor file(
        ::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file.is_open() || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) continue;
    if (::unlink(entry->path().c_str()) == 0) ++removed;
  }
  if (error) throw_file_error("read", directory, error.value());
  return removed;
}

}  // namespace convmae
