#pragma once

#include "convmae/io/atomic_file.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace convmae {

/// Writes a ZIP archive of uncompressed members, each beginning at a multiple of 64 bytes so that
/// it can be used from a memory map. All sizes and offsets stand in zip64 fields: one form for
/// archives of any size.
class ZipWriter {
 public:
  explicit ZipWriter(AtomicFile& file) : file_(file) {}

  void add(std::string_view name, std::span<const std::byte> data);
  void add(std::string_view name, std::string_view text) {
    add(name, std::as_bytes(std::span(text)));
  }
  /// Writes the directory; nothing may be added afterwards.
  void finish();

 private:
  AtomicFile& file_;
  std::string directory_;
  std::uint64_t members_ = 0;
};

}  // namespace convmae
