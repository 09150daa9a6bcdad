#pragma once

#include <string>
#include <string_view>

namespace convmae {

/// In what two different texts differ that a person would take for the same name, for messages:
/// "letter case alone", blanks (or the hyphens and underscores in their place), or the encoding of
/// accented letters, which Unicode has in two forms that look the same (NFC, and NFD as macOS names
/// files). Empty if they differ in more or not at all.
std::string difference_of_alike(std::string_view one, std::string_view other);

/// The same for all texts that differ in letter case and blanks alone.
std::u32string without_case_and_blanks(std::string_view text);

}  // namespace convmae
