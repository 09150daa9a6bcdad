// The input is a .npy file.

#include "use_image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  convmae::fuzz::use_image(convmae::decoders::npy, {data, size});
  return 0;
}
