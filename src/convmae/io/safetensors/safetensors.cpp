#include "convmae/io/safetensors/safetensors.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/atomic_file.h"
#include "convmae/io/safetensors/safetensors_header.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

namespace convmae {
namespace {

constexpr std::uint64_t kLargestHeader = 100'000'000;  // a constant of the format
constexpr std::size_t kLengthSize = 8;

/// Checks one entry against its place in the file; `expected_begin` is where the one before ended.
void check_entry(const SafetensorsEntry& entry, std::int64_t expected_begin,
                 std::int64_t data_size) {
  const std::string where = "tensor " + quote(entry.name);
  if (entry.begin > entry.end || entry.end > data_size) {
    throw UserError(where + " has the data_offsets " + std::to_string(entry.begin) + ", " +
                    std::to_string(entry.end) + ", but there are " + std::to_string(data_size) +
                    " bytes of data");
  }
  if (entry.begin != expected_begin) {
    throw UserError(where + " begins at " + std::to_string(entry.begin) +
                    ", but the one before it ends at " + std::to_string(expected_begin));
  }
  const std::optional<std::int64_t> numel = checked_numel(entry.shape);
  const std::optional<std::int64_t> bytes =
      numel ? checked_multiply(*numel, size_of(entry.dtype)) : std::nullopt;
  if (!bytes) throw UserError(where + " has a shape whose size overflows");
  if (*bytes != entry.end - entry.begin) {
    throw UserError(where + " needs " + std::to_string(*bytes) + " bytes by its shape, but has " +
                    std::to_string(entry.end - entry.begin));
  }
}

SafetensorsContent parse(std::span<const std::byte> file) {
  if (file.size() < kLengthSize) {
    throw UserError("it has " + std::to_string(file.size()) +
                    " bytes, which is too short for a header");
  }
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, file.data(), kLengthSize);
  if (header_size > kLargestHeader) {
    throw UserError("its header would have " + std::to_string(header_size) +
                    " bytes; the format allows 100000000");
  }
  if (header_size > file.size() - kLengthSize) {
    throw UserError("its header would have " + std::to_string(header_size) +
                    " bytes, but the file ends before");
  }
  const std::string_view json(reinterpret_cast<const char*>(file.data()) + kLengthSize,
                              header_size);
  if (!json.starts_with('{')) throw UserError("its header does not begin with '{'");
  SafetensorsHeader header = parse_safetensors_header(json);

  std::ranges::sort(header.entries, {}, [](const SafetensorsEntry& entry) {
    return std::pair(entry.begin, entry.end);
  });
  const std::span<const std::byte> data = file.subspan(kLengthSize + header_size);
  SafetensorsContent content;
  content.metadata = std::move(header.metadata);
  content.tensors.reserve(header.entries.size());
  std::int64_t position = 0;
  for (SafetensorsEntry& entry : header.entries) {
    check_entry(entry, position, static_cast<std::int64_t>(data.size()));
    position = entry.end;
    content.tensors.push_back({std::move(entry.name), entry.dtype, std::move(entry.shape),
                               data.subspan(static_cast<std::size_t>(entry.begin),
                                            static_cast<std::size_t>(entry.end - entry.begin))});
  }
  if (position != static_cast<std::int64_t>(data.size())) {
    throw UserError("its tensors end after " + std::to_string(position) +
                    " bytes of data, but there are " + std::to_string(data.size()));
  }
  return content;
}

/// The order in the file: see write_safetensors.
std::vector<std::size_t> file_order(std::span<const TensorSource> tensors) {
  std::vector<std::size_t> order(tensors.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) {
    return std::pair(-size_of(tensors[i].dtype), std::string_view(tensors[i].name));
  });
  return order;
}

std::int64_t byte_size(const TensorSource& tensor) {
  std::int64_t bytes = size_of(tensor.dtype);
  for (const std::int64_t dimension : tensor.shape) bytes *= dimension;
  return bytes;
}

std::vector<SafetensorsEntry> entries_of(std::span<const TensorSource> tensors,
                                         std::span<const std::size_t> order) {
  std::vector<SafetensorsEntry> entries;
  std::int64_t offset = 0;
  for (const std::size_t i : order) {
    const std::int64_t end = offset + byte_size(tensors[i]);
    entries.push_back({tensors[i].name, tensors[i].dtype, tensors[i].shape, offset, end});
    offset = end;
  }
  return entries;
}

}  // namespace

SafetensorsContent parse_safetensors(std::span<const std::byte> file,
                                     const std::filesystem::path& path) {
  try {
    return parse(file);
  } catch (const UserError& error) {
    throw UserError(quote(path.string()) + " is not a valid safetensors file: " + error.what());
  }
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : file_(path), content_(parse_safetensors(file_.bytes(), path)) {
  for (std::size_t i = 0; i < content_.tensors.size(); ++i) {
    index_.emplace(content_.tensors[i].name, i);
  }
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &content_.tensors[found->second];
}

const TensorView& SafetensorsFile::at(std::string_view name) const {
  const TensorView* const tensor = find(name);
  if (tensor == nullptr) {
    throw UserError(quote(path().string()) + " has no tensor " + quote(name) +
                    "; is it the right file?");
  }
  return *tensor;
}

void write_safetensors(const std::filesystem::path& path, std::span<const TensorSource> tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::vector<std::size_t> order = file_order(tensors);
  AtomicFile file(path);
  file.write(safetensors_header_bytes(entries_of(tensors, order), metadata));
  for (const std::size_t i : order) {
    const std::span<const std::byte> data = tensors[i].data();
    assert(static_cast<std::int64_t>(data.size()) == byte_size(tensors[i]));
    file.write(data);
  }
  file.commit();
}

void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<TensorSource> sources;
  sources.reserve(tensors.size());
  for (const TensorView& tensor : tensors) {
    sources.push_back({tensor.name, tensor.dtype, tensor.shape, [&tensor] { return tensor.data; }});
  }
  write_safetensors(path, sources, metadata);
}

}  // namespace convmae
