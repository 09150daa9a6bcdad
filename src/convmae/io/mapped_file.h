#pragma once

#include "convmae/base/file_descriptor.h"

#include <cstddef>
#include <filesystem>
#include <span>

namespace convmae {

/// A regular file mapped into memory for reading. The mapping moves with the object; spans into it
/// stay valid for as long as the object or its successor lives.
///
/// As with every mapping, a file that someone shortens meanwhile ends the process with SIGBUS.
class MappedFile {
 public:
  /// Throws UserError that names the file if it cannot be opened or is not a regular file.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }

  /// Reads `part`, a piece of `bytes()`, into `out` of the same size without touching the mapping:
  /// unlike copying from it, this leaves no second copy of the file in the process's memory.
  void read(std::span<const std::byte> part, std::span<std::byte> out) const;
  /// Whether `part` lies in this mapping.
  bool contains(std::span<const std::byte> part) const;

 private:
  std::filesystem::path path_;
  FileDescriptor file_;
  std::span<const std::byte> bytes_;
};

}  // namespace convmae
