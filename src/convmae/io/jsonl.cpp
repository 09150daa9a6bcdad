#include "convmae/io/jsonl.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/read_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>

namespace convmae {
namespace {

/// The length of the file up to its last newline.
std::int64_t end_of_last_line(const FileDescriptor& file, std::int64_t size,
                              const std::filesystem::path& path) {
  std::array<char, 4096> piece{};
  for (std::int64_t end = size; end > 0;) {
    const std::int64_t begin = std::max<std::int64_t>(0, end - std::ssize(piece));
    const auto bytes = std::span(piece).first(static_cast<std::size_t>(end - begin));
    const std::size_t count = read_at(file, begin, std::as_writable_bytes(bytes), path);
    const std::size_t newline = std::string_view(bytes.data(), count).rfind('\n');
    if (newline != std::string_view::npos) return begin + static_cast<std::int64_t>(newline) + 1;
    if (size - begin > kLongestLine) throw_endless_line(path);
    end = begin;
  }
  return 0;
}

}  // namespace

JsonlWriter::JsonlWriter(const std::filesystem::path& path)
    : path_(path), file_(open_for_appending(path)) {
  const off_t size = ::lseek(file_.get(), 0, SEEK_END);
  const off_t whole = end_of_last_line(file_, size, path);
  if (whole < size && ::ftruncate(file_.get(), whole) != 0) throw_file_error("write", path, errno);
}

void JsonlWriter::append(const nlohmann::ordered_json& object) {
  const std::string line = json_text(object) + '\n';
  const off_t before = ::lseek(file_.get(), 0, SEEK_END);
  try {
    write_all(file_.get(), std::as_bytes(std::span(line)), path_);
  } catch (const UserError&) {
    // Whether the cut succeeds does not matter: opening the file again cuts as well.
    [[maybe_unused]] const int result = ::ftruncate(file_.get(), before);
    throw;
  }
}

void JsonlWriter::sync() {
  if (::fsync(file_.get()) != 0) throw_file_error("write", path_, errno);
}

}  // namespace convmae
