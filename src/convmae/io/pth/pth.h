#pragma once

#include "convmae/io/mapped_file.h"
#include "convmae/io/value.h"

#include <cstddef>
#include <filesystem>
#include <span>

namespace convmae {

enum class PthContainer {
  zip,     ///< since PyTorch 1.6
  legacy,  ///< before, or with _use_new_zipfile_serialization=False
};

/// What torch.save wrote, as plain data.
struct PthContent {
  PthContainer container = PthContainer::zip;
  Value root;
  /// Owns what `root` refers to, except what lies in the file.
  ValueArena arena;
};

/// Whether a file that begins like this should be read as `.pth`.
bool looks_like_pth(std::span<const std::byte> file);

/// Interprets a complete file. Nothing is imported and nothing is called, whatever the file says:
/// names outside a closed list (PickleSymbol), other opcodes, and sizes that do not fit are
/// UserErrors that name `path` (used for nothing else). Tensors point into `file`.
///
/// Bounds beside the file itself: 64 MiB of objects, a million values, 200 levels, and four times
/// the file's size and 16 MiB for all values with their tensors, counted wherever they stand.
PthContent parse_pth(std::span<const std::byte> file, const std::filesystem::path& path);

/// A `.pth` file, memory-mapped.
class PthFile {
 public:
  explicit PthFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  PthContainer container() const { return content_.container; }
  const Value& root() const { return content_.root; }
  /// For values to be added to the tree, such as when it is converted.
  ValueArena& arena() { return content_.arena; }
  const MappedFile& file() const { return file_; }

 private:
  MappedFile file_;
  PthContent content_;
};

/// Writes a tensor's elements in row-major order to `out`, of `tensor.bytes()` bytes. What is
/// contiguous in `file` is read, not copied from the mapping: see MappedFile::read.
void read_tensor(const MappedFile& file, const StridedTensor& tensor, std::span<std::byte> out);

}  // namespace convmae
