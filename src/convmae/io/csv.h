#pragma once

#include <string>
#include <string_view>

namespace convmae {

/// A field of a CSV file as RFC 4180 has it, in quotes where they are needed, and always UTF-8
/// (as_utf8).
std::string csv_field(std::string_view text);

}  // namespace convmae
