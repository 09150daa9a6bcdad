#pragma once

#include <string_view>

namespace convmae {

/// Whether `text` is UTF-8 as Python pickles it: well-formed (Unicode 15, table 3-7), except that
/// lone surrogates are let through, which Python uses for file names that are not text.
bool is_utf8(std::string_view text);

}  // namespace convmae
