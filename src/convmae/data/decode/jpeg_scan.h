#pragma once

#include "convmae/data/decode/huffman.h"
#include "convmae/data/image.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace convmae {

/// The only scan of a baseline JPEG: what its header says, and its entropy-coded bytes.
struct JpegScan {
  struct Component {
    std::int64_t horizontal = 1;  ///< blocks in a unit (MCU); those of colour divide those of luma
    std::int64_t vertical = 1;
    std::array<std::uint16_t, 64> quantisation{};  ///< by rows
    HuffmanCode dc;
    HuffmanCode ac;
  };

  Size size;
  std::vector<Component> components;   ///< grey, or luma, blue and red difference
  std::int64_t restart_interval = 0;   ///< in units; 0: no restarts
  std::span<const std::uint8_t> data;  ///< from the first unit to the end of the file
};

/// Decodes such a scan for `--fast_decode`: one lookup a coefficient in most cases, and inverse
/// transforms for the part that is wanted alone, at `eighths` / 8 of the size: 8, 4, 2 or 1. `part`
/// is in pixels of the reduced image. `out` becomes grey or RGB and holds the units that `part`
/// lies in, which is at `where` in it. Colour is repeated, not interpolated. False if units have
/// more than ten blocks or fractions of pixels of colour, or if the data are damaged up to there;
/// `out` is then undefined.
bool decode_jpeg_scan(const JpegScan& scan, std::int64_t eighths, const Box& part, Image& out,
                      Box& where);

}  // namespace convmae
