// The input is a JPEG file, of which first the whole and then a part is decoded.

#include "use_image.h"

namespace {

using namespace convmae;

void whole(EncodedBytes encoded, const DecodeOptions& options, Image& out) {
  decoders::jpeg(encoded, options, whole_image, out);
}

void part(EncodedBytes encoded, const DecodeOptions& options, Image& out) {
  const auto middle = [](Size size) {
    return Box{size.height / 4, size.width / 4, (size.height + 1) / 2, (size.width + 1) / 2};
  };
  decoders::jpeg(encoded, options, middle, out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::use_image(whole, {data, size});
  fuzz::use_image(part, {data, size});
  return 0;
}
