#pragma once

#include "convmae/io/mapped_file.h"
#include "convmae/io/tensor_view.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// The format (https://github.com/huggingface/safetensors): a little-endian uint64 with the
/// header's length, a JSON header, the tensors' bytes.
struct SafetensorsContent {
  /// In the order of their bytes in the file.
  std::vector<TensorView> tensors;
  std::map<std::string, std::string> metadata;
};

/// Parses a complete file and checks everything that the format demands: the header is at most
/// 100,000,000 bytes, is one JSON object and begins with '{'; no key occurs twice; `__metadata__`
/// maps strings to strings; each tensor's size is its shape's; the tensors' bytes follow each other
/// without hole or overlap and end with the file. The views point into `file`. Throws UserError
/// that names `path` (used for nothing else) and the tensor.
SafetensorsContent parse_safetensors(std::span<const std::byte> file,
                                     const std::filesystem::path& path);

/// A safetensors file, memory-mapped.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  const std::vector<TensorView>& tensors() const { return content_.tensors; }
  const std::map<std::string, std::string>& metadata() const { return content_.metadata; }
  /// Null if there is none of that name.
  const TensorView* find(std::string_view name) const;
  /// Throws UserError that names the file and the tensor if there is none of that name.
  const TensorView& at(std::string_view name) const;
  const MappedFile& file() const { return file_; }
  /// Reads a tensor's bytes into `out`, of the same size, leaving no second copy in memory.
  void read(const TensorView& tensor, std::span<std::byte> out) const {
    file_.read(tensor.data, out);
  }

 private:
  MappedFile file_;
  SafetensorsContent content_;
  std::map<std::string_view, std::size_t> index_;
};

/// A tensor to be written whose bytes are made when their turn comes.
struct TensorSource {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  /// Returns the row-major bytes; they must stay valid until the next source is asked.
  std::function<std::span<const std::byte>()> data;
};

/// Writes a safetensors file atomically. Tensors are ordered by element size, largest first, and by
/// name, so that equal content gives equal files and every tensor is aligned to its element; the
/// header is padded with spaces to a multiple of 8 bytes.
/// Throws UserError on failures of the file system.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorSource> tensors,
                       const std::map<std::string, std::string>& metadata);
void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace convmae
