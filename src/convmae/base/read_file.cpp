#include "convmae/base/read_file.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <algorithm>
#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

namespace convmae {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 18;

/// Calls `take` with the file's bytes, piece by piece.
void for_each_piece(const FileDescriptor& file, const std::filesystem::path& path,
                    const std::function<void(std::string_view)>& take) {
  std::string piece(kPiece, '\0');
  std::int64_t offset = 0;
  while (true) {
    const std::size_t count = read_at(file, offset, std::as_writable_bytes(std::span(piece)), path);
    take(std::string_view(piece).substr(0, count));
    if (count < piece.size()) return;
    offset += static_cast<std::int64_t>(count);
  }
}

}  // namespace

std::int64_t size_of(const FileDescriptor& file, const FileKind& kind,
                     const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_file_error("read", path, errno);
  if (status.st_size > kind.limit) {
    throw UserError("cannot read " + quote(path.string()) + ": expected " + kind.name +
                    " of at most " + std::to_string(kind.limit) + " bytes, found " +
                    std::to_string(status.st_size) + "; check the path");
  }
  return status.st_size;
}

std::size_t read_at(const FileDescriptor& file, std::int64_t offset, std::span<std::byte> out,
                    const std::filesystem::path& path) {
  // Linux reads at most 2 GiB at a time.
  constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t count =
        ::pread(file.get(), out.data() + filled, std::min(out.size() - filled, kMostAtOnce),
                offset + static_cast<std::int64_t>(filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_file_error("read", path, errno);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  return filled;
}

std::vector<std::uint8_t> read_whole_file(const std::filesystem::path& path, const FileKind& kind) {
  const FileDescriptor file = open_for_reading(path);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size_of(file, kind, path)));
  bytes.resize(read_at(file, 0, std::as_writable_bytes(std::span(bytes)), path));
  return bytes;
}

std::string read_text_file(const std::filesystem::path& path, const FileKind& kind) {
  const FileDescriptor file = open_for_reading(path);
  size_of(file, kind, path);
  std::string text;
  for_each_piece(file, path, [&](std::string_view piece) {
    if (piece.find('\0') != std::string_view::npos) {
      throw UserError("cannot read " + quote(path.string()) + ": expected " + kind.name +
                      ", found binary data; check the path");
    }
    text += piece;
  });
  return text;
}

std::string file_beginning(const std::filesystem::path& path, std::size_t size) {
  try {
    const FileDescriptor file = open_for_reading(path);
    std::string text(size, '\0');
    text.resize(read_at(file, 0, std::as_writable_bytes(std::span(text)), path));
    return text;
  } catch (const UserError&) {
    return {};
  }
}

void for_each_line(const std::filesystem::path& path,
                   const std::function<void(std::string_view)>& visit) {
  const FileDescriptor file = open_for_reading(path);
  std::string begun;  // a line whose end is in a later piece
  for_each_piece(file, path, [&](std::string_view piece) {
    for (std::size_t end = piece.find('\n'); end != std::string_view::npos;
         end = piece.find('\n')) {
      begun += piece.substr(0, end);
      visit(begun);
      begun.clear();
      piece.remove_prefix(end + 1);
    }
    begun += piece;
    if (std::ssize(begun) > kLongestLine) throw_endless_line(path);
  });
  if (!begun.empty()) visit(begun);
}

void throw_endless_line(const std::filesystem::path& path) {
  throw UserError("cannot read " + quote(path.string()) + ": expected lines of text, found over " +
                  std::to_string(kLongestLine) + " bytes without an end of line; check the file");
}

}  // namespace convmae
