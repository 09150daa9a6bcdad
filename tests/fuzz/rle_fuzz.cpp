// The first two bytes are height and width of a mask, the third begins its run lengths as text.

#include "convmae/base/error.h"
#include "convmae/coco/rle.h"

#include <cstdint>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace convmae::coco;
  if (size < 2) return 0;
  const convmae::Size shape{data[0], data[1]};
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  try {
    const Rle rle = rle_from_text(shape, text);
    const std::vector<std::uint8_t> pixels = rle_pixels(rle);
    const Rle again = rle_from_pixels(shape, pixels);
    const std::vector<Rle> both{rle, again};
    if (rle_from_text(shape, rle_text(rle)) != rle) __builtin_trap();
    if (rle_area(again) != rle_area(rle) || rle_box(again) != rle_box(rle)) __builtin_trap();
    if (rle_pixels(rle_union(both)) != pixels || rle_pixels(rle_common(both)) != pixels) {
      __builtin_trap();
    }
    if (rle_area(rle) > 0 && rle_iou(rle, again, false) != 1) __builtin_trap();
  } catch (const convmae::UserError&) {
    return 0;  // the expected end of most inputs
  }
  return 0;
}
