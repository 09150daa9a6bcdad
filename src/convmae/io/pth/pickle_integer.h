#pragma once

#include "convmae/io/pth/pickle_objects.h"

#include <cstddef>
#include <span>

namespace convmae {

/// An integer of any size in little-endian two's complement, as the opcodes LONG1 and LONG4 have
/// it: an int64 if it fits, else a BigInteger. Over 255 bytes is a UserError.
Value decode_pickle_integer(std::span<const std::byte> bytes, PickleObjects& objects);

}  // namespace convmae
