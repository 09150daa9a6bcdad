// The input is a file in the ZIP container.

#include "use_checkpoint.h"
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  convmae::fuzz::use_checkpoint(std::as_bytes(std::span(data, size)));
  return 0;
}
