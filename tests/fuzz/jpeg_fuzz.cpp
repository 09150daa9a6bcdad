// The input is a JPEG file, of which first the whole and then a part is decoded, and that part
// again in the fast way, at its size and reduced.

#include "use_image.h"

namespace {

using namespace convmae;

void whole(EncodedBytes encoded, const DecodeOptions& options, Image& out) {
  decoders::jpeg(encoded, options, whole_image, out);
}

Box middle(Size size) {
  return {size.height / 4, size.width / 4, (size.height + 1) / 2, (size.width + 1) / 2};
}

void part(EncodedBytes encoded, const DecodeOptions& options, Image& out) {
  decoders::jpeg(encoded, options, middle, out);
}

template <std::int64_t cover>
void fast_part(EncodedBytes encoded, const DecodeOptions& options, Image& out) {
  DecodeOptions fast = options;
  fast.apply_exif_orientation = false;
  fast.fast_cover = Size{cover, cover};
  decoders::jpeg(encoded, fast, middle, out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::use_image(whole, {data, size});
  fuzz::use_image(part, {data, size});
  fuzz::use_image(fast_part<1000>, {data, size});
  fuzz::use_image(fast_part<16>, {data, size});
  return 0;
}
