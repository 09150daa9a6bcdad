#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace convmae {

/// What a file is that holds no weights itself, though it is often given in the place of one that
/// does, and what to do instead: "is the index of ...: ...". Empty if its bytes do not tell.
std::string known_stand_in(std::span<const std::byte> file);

}  // namespace convmae
