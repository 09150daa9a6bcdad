#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>

namespace convmae {

/// Owns a POSIX file descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  /// Leaves the descriptor to the caller, who closes it.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// Opens an existing regular file for reading. Everything that this program reads is opened here:
/// a named pipe would be waited for, and a device has no end. Throws UserError that names `path`
/// and the reason.
FileDescriptor open_for_reading(const std::filesystem::path& path);

/// Opens a regular file, made if need be, to read it and to write at its end. Throws UserError that
/// names `path` and the reason.
FileDescriptor open_for_appending(const std::filesystem::path& path);

/// Writes all of `data` at the descriptor's position. Throws UserError that names `path` and the
/// reason, such as a full disk. The first call makes the process ignore SIGXFSZ, whose default is
/// to kill it: a file-size limit is to be reported like a full disk.
void write_all(int fd, std::span<const std::byte> data, const std::filesystem::path& path);

/// "cannot VERB 'PATH': REASON" for an `errno` value, with what to do about it where that is known.
[[noreturn]] void throw_file_error(const char* verb, const std::filesystem::path& path, int error);

}  // namespace convmae
