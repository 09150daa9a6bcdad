#include "convmae/io/mapped_file.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"

#include <cassert>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <sys/mman.h>
#include <sys/stat.h>
#include <utility>

namespace convmae {

MappedFile::MappedFile(const std::filesystem::path& path)
    : path_(path), file_(open_for_reading(path)) {
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) throw_file_error("open", path, errno);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;  // mmap refuses a length of zero
  void* const address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file_.get(), 0);
  if (address == MAP_FAILED) throw_file_error("map", path, errno);
  bytes_ = {static_cast<const std::byte*>(address), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::move(other.file_)),
      bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

bool MappedFile::contains(std::span<const std::byte> part) const {
  const std::less_equal<> not_after;
  return not_after(bytes_.data(), part.data()) &&
         not_after(part.data() + part.size(), bytes_.data() + bytes_.size());
}

void MappedFile::read(std::span<const std::byte> part, std::span<std::byte> out) const {
  assert(contains(part) && part.size() == out.size());
  const std::int64_t offset = part.data() - bytes_.data();
  if (read_at(file_, offset, out, path_) < out.size()) {
    throw UserError("cannot read " + quote(path_.string()) +
                    ": it became shorter while it was read; try again once nothing writes to it");
  }
}

}  // namespace convmae
