// The input is an IDX file of images, plain or compressed.

#include "convmae/base/error.h"
#include "convmae/data/sources/idx_source.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

/// The name tells the program what the file is.
std::filesystem::path file_for_inputs() {
  const auto directory =
      std::filesystem::temp_directory_path() / ("fuzz-idx-" + std::to_string(::getpid()));
  std::filesystem::create_directory(directory);
  return directory / "train-images-idx3-ubyte";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::filesystem::path path = file_for_inputs();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  try {
    const auto source = convmae::open_idx(path);
    std::vector<std::uint8_t> image;
    for (std::int64_t i = 0; i < source->size() && i < 4; ++i) source->read(i, image);
  } catch (const convmae::UserError&) {
    return 0;  // the expected end of most inputs
  }
  return 0;
}
