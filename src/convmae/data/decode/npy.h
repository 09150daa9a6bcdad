#pragma once

#include "convmae/data/decode/decode.h"

#include <cstdint>
#include <string>
#include <vector>

namespace convmae {

/// What the header of a .npy file says, and where its data begin.
struct NpyHeader {
  PixelType type = PixelType::uint8;
  std::vector<std::int64_t> shape;
  std::size_t data_offset = 0;
};

/// Reads the header of a .npy file (format versions 1 to 3: a Python dictionary literal with the
/// keys descr, fortran_order and shape). Only that literal is understood; nothing is evaluated.
/// Throws UserError for other types than little-endian uint8, uint16 and float32, for Fortran order
/// and for anything malformed. The data's length is left to the caller.
NpyHeader read_npy_header(EncodedBytes encoded);

/// The header of a version 1.0 file with C-ordered data of that type and shape, padded to 64 bytes.
std::string npy_header(PixelType type, const std::vector<std::int64_t>& shape);

}  // namespace convmae
