#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

namespace convmae::fuzz {

/// A file in memory, for functions that take a path: one on a disk would take most of the time.
class FileInMemory {
 public:
  FileInMemory() : file_(::memfd_create("input", MFD_CLOEXEC)) {
    if (file_ < 0) std::abort();
    path_ = "/proc/self/fd/" + std::to_string(file_);
  }
  ~FileInMemory() { ::close(file_); }
  FileInMemory(const FileInMemory&) = delete;
  FileInMemory& operator=(const FileInMemory&) = delete;

  const std::filesystem::path& path() const { return path_; }

  void hold(const void* data, std::size_t size) const {
    if (::ftruncate(file_, 0) != 0 ||
        ::pwrite(file_, data, size, 0) != static_cast<ssize_t>(size)) {
      std::abort();
    }
  }

 private:
  int file_;
  std::filesystem::path path_;
};

}  // namespace convmae::fuzz
