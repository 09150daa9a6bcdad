// The first byte of the input chooses what is asked for, the rest is a file of weights to convert.

#include "convmae/base/error.h"
#include "convmae/checkpoint/convert_weights.h"

#include "file_in_memory.h"
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unistd.h>

namespace {

constexpr std::array<std::optional<convmae::WeightLayout>, 6> kLayouts{
    std::nullopt,
    convmae::WeightLayout::convmae,
    convmae::WeightLayout::timm,
    convmae::WeightLayout::mmseg,
    convmae::WeightLayout::detectron2,
    convmae::WeightLayout::vitmae};

/// Where the results go, which one layout writes another file beside: memory, not a disk.
const std::filesystem::path& folder() {
  static const std::filesystem::path path =
      "/dev/shm/convmae-fuzz-convert-" + std::to_string(::getpid());
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const convmae::fuzz::FileInMemory file;
  file.hold(data + 1, size - 1);
  convmae::ConversionOptions options;
  options.to_pth = (data[0] & 1) != 0;
  options.encoder_only = (data[0] & 2) != 0;
  options.optimizer = (data[0] & 4) != 0;
  if ((data[0] & 8) != 0) options.dtype = convmae::DType::f16;
  options.layout = kLayouts[(data[0] >> 4) % kLayouts.size()];
  const std::filesystem::path output = folder() / "weights";
  std::filesystem::create_directory(folder());
  try {
    convmae::convert_weights(file.path(), output, options);
    // Whatever was read must not have grown: what is written is bounded by what was there.
    if (std::filesystem::file_size(output) > 4 * size + (std::size_t{1} << 20)) __builtin_trap();
  } catch (const convmae::UserError&) {
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder(), ignored);
  return 0;
}
