#pragma once

#include "convmae/data/image.h"

#include <string>

namespace convmae {

/// "float numbers up to 255, expected 0..1: divide them by 255" where float pixels lie far outside
/// of the range that they are taken for; nothing for other images.
std::string hint_of_scale(const Image& image);

}  // namespace convmae
