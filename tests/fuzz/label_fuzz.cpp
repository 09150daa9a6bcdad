// The input is a label file, PNG or .npy.

#include "convmae/base/error.h"
#include "convmae/data/decode/decode_label.h"
#include "convmae/data/labels/label_scheme.h"

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace convmae;
  static const LabelPalette palette({{{0, 0, 0}, 0}, {{255, 0, 0}, 1}, {{1, 2, 3}, 65535}});
  static const LabelScheme scheme({{"a", {0, 2}}, {"b", {1}}}, {255, 65535});
  for (const LabelPalette* const colours : {static_cast<const LabelPalette*>(nullptr), &palette}) {
    LabelDecodeOptions options;
    options.palette = colours;
    options.max_pixels = 1 << 18;  // larger ones only cost time
    try {
      Image ids;
      decode_label({data, size}, options, ids);
      unsigned sum = 0;
      for (const std::byte byte :
           std::span(ids.bytes(), static_cast<std::size_t>(ids.num_bytes()))) {
        sum += std::to_integer<unsigned>(byte);
      }
      [[maybe_unused]] volatile const unsigned used = sum;
      LabelMap map;
      scheme.apply(ids, map);
    } catch (const UserError&) {
      continue;  // the expected end of most inputs
    }
  }
  return 0;
}
