#pragma once

#include <optional>
#include <string>
#include <toml++/toml.h>

namespace convmae {

/// `text`, which may be any bytes, as a TOML value on one line: a string, or where it is not UTF-8,
/// which TOML has to be, the table `{ bytes = '...' }`, in whose string \xNN stands for a byte, and
/// \x5c for the backslash.
std::string toml_text(const std::string& text);

/// What either of them stands for; nothing for any other value. Throws UserError if a backslash in
/// the table names no byte.
std::optional<std::string> text_of_toml(const toml::node& node);

}  // namespace convmae
