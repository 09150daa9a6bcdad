#include "convmae/io/safetensors/safetensors_stream.h"

#include "convmae/io/safetensors/safetensors_header.h"

#include <algorithm>
#include <stdexcept>

namespace convmae {

SafetensorsStream::SafetensorsStream(const std::filesystem::path& path,
                                     std::span<const StreamedTensor> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path) {
  std::vector<SafetensorsEntry> entries;
  std::int64_t offset = 0;
  for (const StreamedTensor& tensor : tensors) {
    std::int64_t bytes = size_of(tensor.dtype);
    for (const std::int64_t side : tensor.shape) bytes *= side;
    entries.push_back({tensor.name, tensor.dtype, tensor.shape, offset, offset + bytes});
    offset += bytes;
  }
  file_.write(safetensors_header_bytes(entries, metadata));
  for (const SafetensorsEntry& entry : entries) {
    ranges_.push_back({file_.size() + static_cast<std::size_t>(entry.begin),
                       file_.size() + static_cast<std::size_t>(entry.end)});
  }
}

void SafetensorsStream::append(std::size_t tensor, std::span<const std::byte> data) {
  Range& range = ranges_.at(tensor);
  if (data.size() > range.end - range.position) {
    throw std::logic_error("more bytes than the tensor has");
  }
  file_.write_at(range.position, data);
  range.position += data.size();
}

void SafetensorsStream::commit() {
  const bool complete =
      std::ranges::all_of(ranges_, [](const Range& range) { return range.position == range.end; });
  if (!complete) throw std::logic_error("a tensor is not complete");
  file_.commit();
}

}  // namespace convmae
