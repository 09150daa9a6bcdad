// The input is a list of images; those that it names must exist to be opened, as `/dev/null` does.

#include "convmae/base/error.h"
#include "convmae/data/sources/file_source.h"

#include "file_in_memory.h"
#include <cstdint>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const convmae::fuzz::FileInMemory file;
  file.hold(data, size);
  try {
    const auto source = convmae::open_list(file.path());
    const auto classes = std::ssize(source->classes());
    for (std::int64_t i = 0; i < source->size(); ++i) {
      source->name(i);
      const std::int64_t label = source->label(i);
      if (label != convmae::ImageSource::kNoLabel && (label < 0 || label >= classes)) {
        __builtin_trap();
      }
    }
  } catch (const convmae::UserError&) {
    return 0;  // the expected end of most inputs
  }
  return 0;
}
