#include "convmae/io/jsonl.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"

#include <cerrno>
#include <fcntl.h>
#include <span>
#include <string>
#include <unistd.h>

namespace convmae {
namespace {

/// The length of the file up to its last newline.
off_t end_of_last_line(int fd, off_t size) {
  while (size > 0) {
    char last = 0;
    if (::pread(fd, &last, 1, size - 1) != 1) break;
    if (last == '\n') break;
    --size;
  }
  return size;
}

}  // namespace

JsonlWriter::JsonlWriter(const std::filesystem::path& path)
    : path_(path), file_(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (!file_.is_open()) throw_file_error("open", path, errno);
  const off_t size = ::lseek(file_.get(), 0, SEEK_END);
  const off_t whole = end_of_last_line(file_.get(), size);
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

}  // namespace convmae
