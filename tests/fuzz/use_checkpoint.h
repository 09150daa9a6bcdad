#pragma once

#include "convmae/base/error.h"
#include "convmae/io/pth/pth.h"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace convmae::fuzz {

/// Reads a `.pth` file and then everything in it, as the commands do.
inline void use_checkpoint(std::span<const std::byte> file) {
  try {
    const PthContent content = parse_pth(file, "fuzz.pth");
    for_each_leaf(content.root, [](const std::string& /*path*/, const Value& value) {
      type_name(value);
      value.number();
      if (const StridedTensor* const tensor = value.tensor()) {
        std::vector<std::byte> elements(static_cast<std::size_t>(tensor->bytes()));
        copy_elements(*tensor, elements);
      }
    });
  } catch (const UserError&) {
    return;  // the expected end of most inputs
  }
}

}  // namespace convmae::fuzz
