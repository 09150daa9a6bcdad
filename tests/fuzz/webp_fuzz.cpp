// The input is a WebP file.

#include "use_image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  convmae::fuzz::use_image(convmae::decoders::webp, {data, size});
  return 0;
}
