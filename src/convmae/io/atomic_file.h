#pragma once

#include "convmae/base/file_descriptor.h"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// A file that appears under its name complete or not at all. What is written goes to a temporary
/// in the same directory (so that the rename cannot cross a file system); `commit` makes it
/// durable: write, fsync, rename, fsync of the directory, in this order. Without `commit`, or if
/// anything fails, the temporary is removed and a file that had the name before stays as it was.
///
/// The temporary of a process that was killed stays behind, until another AtomicFile is made for
/// the same target or `remove_abandoned_temporaries` cleans up; with
/// `remove_temporaries_on_signals`, those signals leave none.
///
/// All failures, such as a full disk or a file-size limit, are UserErrors that name the file.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> data);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// Writes at a place of its own, also behind the end; `size` does not count it.
  void write_at(std::size_t position, std::span<const std::byte> data);
  /// Bytes written so far.
  std::size_t size() const { return size_; }
  /// Gives the file its name. Nothing may be written afterwards.
  void commit();

 private:
  void flush();
  /// Lets go of the temporary, which has another name now or none.
  void close();

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  int listed_ = -1;  ///< where signals find the temporary's name, if anywhere
  FileDescriptor file_;
  std::vector<std::byte> buffer_;
  std::size_t size_ = 0;
};

/// Writes a whole file through an AtomicFile.
void write_file_atomically(const std::filesystem::path& target, std::string_view content);

/// Throws UserError if no file of this name can be written there, as an AtomicFile would: before
/// work begins that would be lost. Leaves nothing behind.
void require_writable(const std::filesystem::path& target);

/// The same for files in a directory that is made if need be, as are those above it. Makes none.
void require_writable_directory(const std::filesystem::path& directory);

/// Throws UserError, which says what to do, if there is anything at `path`: for what is written
/// beside what the user named, with `flag`, and may be the user's own.
void require_absent(const std::filesystem::path& path, const std::string& flag);

/// Removes the temporaries that killed processes left in `directory` and returns how many there
/// were. Those of running processes, also on other machines that share the file system, are known
/// by their lock and stay.
int remove_abandoned_temporaries(const std::filesystem::path& directory);

/// From here on, signals that end the process by default (Ctrl-C, the end of its terminal or of its
/// time) remove its temporaries first. Signals that have another effect already keep it.
void remove_temporaries_on_signals();

}  // namespace convmae
