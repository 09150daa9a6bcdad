#pragma once

#include <string>
#include <string_view>

namespace convmae {

/// `text` in single quotes, fit for one line of an error message: control characters and bytes that
/// are not ASCII are written as \xNN, and what exceeds 100 bytes is replaced by "...". Everything
/// that comes out of a file passes through here before it reaches a terminal.
std::string quote(std::string_view text);

}  // namespace convmae
