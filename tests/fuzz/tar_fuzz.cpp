// The input is an archive of samples.

#include "convmae/base/error.h"
#include "convmae/data/sources/tar_source.h"

#include "file_in_memory.h"
#include <cstdint>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const convmae::fuzz::FileInMemory file;
  file.hold(data, size);
  try {
    const auto source = convmae::open_shards({file.path()});
    std::vector<std::uint8_t> image;
    for (std::int64_t i = 0; i < source->size() && i < 4; ++i) source->read(i, image);
  } catch (const convmae::UserError&) {
    return 0;  // the expected end of most inputs
  }
  return 0;
}
