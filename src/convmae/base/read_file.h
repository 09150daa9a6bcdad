#pragma once

#include "convmae/base/file_descriptor.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// A kind of file that is read into memory whole.
struct FileKind {
  const char* name;    ///< for messages: "an image file"
  std::int64_t limit;  ///< bytes that no honest file of the kind exceeds
};

/// The size of an open file. Throws UserError that names `path` if it is above the kind's limit:
/// the size of a file says nothing of what it holds, so it is compared before memory is taken.
std::int64_t size_of(const FileDescriptor& file, const FileKind& kind,
                     const std::filesystem::path& path);

/// Reads from `offset` on until `out` is full or the file ends, and returns the number of bytes.
/// Throws UserError that names `path`.
std::size_t read_at(const FileDescriptor& file, std::int64_t offset, std::span<std::byte> out,
                    const std::filesystem::path& path);

/// Reads a whole regular file. Throws UserError that names it.
std::vector<std::uint8_t> read_whole_file(const std::filesystem::path& path, const FileKind& kind);

/// The same for text: bytes without a zero among them, which is looked for while it is read.
std::string read_text_file(const std::filesystem::path& path, const FileKind& kind);

/// The first `size` bytes of a regular file, or all of a shorter one; nothing of what cannot be
/// read.
std::string file_beginning(const std::filesystem::path& path, std::size_t size);

/// Lines of files that are read line by line are no longer.
inline constexpr std::int64_t kLongestLine = std::int64_t{1} << 26;

/// Calls `visit` with every line of a text file, without its newline. The file may be of any size:
/// what is in memory is one line. Throws UserError that names the file, also for a line that is too
/// long.
void for_each_line(const std::filesystem::path& path,
                   const std::function<void(std::string_view)>& visit);

/// What is said of a file with a line that is too long.
[[noreturn]] void throw_endless_line(const std::filesystem::path& path);

}  // namespace convmae
