// The input is what follows the magic number, the version and the system of a legacy file: the
// pickled object, the keys of its storages, and the storages.

#include "use_checkpoint.h"
#include <cstdint>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace std::string_view_literals;
  constexpr std::string_view kBegin =
      "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
      "\x80\x02M\xe9\x03."
      "\x80\x02}X\x0d\0\0\0little_endian\x88s."sv;
  std::string file(kBegin);
  file.append(reinterpret_cast<const char*>(data), size);
  convmae::fuzz::use_checkpoint(std::as_bytes(std::span(file)));
  return 0;
}
