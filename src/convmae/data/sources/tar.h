#pragma once

#include "convmae/base/file_descriptor.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace convmae {

/// A regular file in an archive.
struct TarMember {
  std::string name;
  std::int64_t offset = 0;  ///< of its bytes in the archive; they lie within it
  std::int64_t size = 0;
};

/// Walks through a tar archive from header to header, without reading what the members hold: POSIX
/// ustar and pax, GNU's long names and sizes, and what came before them. Links, folders and devices
/// are passed over. Errors are UserErrors that name the archive and the place in it.
class TarReader {
 public:
  explicit TarReader(std::filesystem::path path);

  /// The next regular file; nothing at the end of the archive.
  std::optional<TarMember> next();
  /// The links that were passed over so far, and the name of the first.
  std::int64_t links() const { return links_; }
  const std::string& first_link() const { return first_link_; }
  /// What the member that `next` returned last holds.
  std::string read(const TarMember& member) const;

 private:
  static constexpr std::int64_t kBlock = 512;
  struct Header;

  Header parse_header() const;
  void apply_pax_records(std::string_view records, Header& next) const;
  void read_exactly(std::int64_t offset, std::span<char> out) const;
  [[noreturn]] void fail(const std::string& what) const;

  std::filesystem::path path_;
  FileDescriptor file_;
  std::int64_t file_size_;
  std::int64_t offset_ = 0;  // of the header that is looked at
  std::int64_t next_ = 0;    // of the one behind it
  std::int64_t links_ = 0;
  std::string first_link_;
  /// The header's block and the one behind it: small members need no second read.
  std::array<char, 2 * kBlock> blocks_{};
};

}  // namespace convmae
