// The input is an archive of samples.

#include "convmae/base/error.h"
#include "convmae/data/sources/tar_source.h"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace {

/// A file in memory: one on a disk would take most of the time.
int file_for_inputs() {
  const int file = ::memfd_create("archive", MFD_CLOEXEC);
  if (file < 0) std::abort();
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int file = file_for_inputs();
  static const std::filesystem::path path = "/proc/self/fd/" + std::to_string(file);
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) {
    std::abort();
  }
  try {
    const auto source = convmae::open_shards({path});
    std::vector<std::uint8_t> image;
    for (std::int64_t i = 0; i < source->size() && i < 4; ++i) source->read(i, image);
  } catch (const convmae::UserError&) {
    return 0;  // the expected end of most inputs
  }
  return 0;
}
