#pragma once

#include "convmae/io/atomic_file.h"
#include "convmae/io/tensor_view.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace convmae {

/// A tensor of known size whose content comes later.
struct StreamedTensor {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
};

/// Writes a safetensors file whose tensors grow side by side, so that none of them needs to be in
/// memory. The file appears under its name when it is committed. Throws UserError on failures of
/// the file system.
class SafetensorsStream {
 public:
  /// The tensors lie in the file in the order given here: those of the largest elements first.
  SafetensorsStream(const std::filesystem::path& path, std::span<const StreamedTensor> tensors,
                    const std::map<std::string, std::string>& metadata);

  /// The next bytes of tensor number `tensor`, in row-major order.
  void append(std::size_t tensor, std::span<const std::byte> data);
  /// Every tensor must be complete.
  void commit();

 private:
  struct Range {
    std::size_t position;  ///< of the next byte, in the file
    std::size_t end;
  };

  AtomicFile file_;
  std::vector<Range> ranges_;
};

}  // namespace convmae
