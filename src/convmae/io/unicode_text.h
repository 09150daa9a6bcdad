#pragma once

#include "convmae/base/read_file.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace convmae {

/// Reads a text file (read_text_file) without the byte-order mark that programs of Windows put
/// before it. Where the mark says UTF-16, as in what Excel calls Unicode text, the result is UTF-8;
/// without a mark the bytes are taken as they are. Throws UserError that names the file.
std::string read_unicode_text(const std::filesystem::path& path, const FileKind& kind);

/// UTF-16 without its mark as UTF-8; a surrogate without its other half becomes U+FFFD. An odd byte
/// at the end is left out.
std::string utf8_of_utf16(std::string_view bytes, bool big_endian);

}  // namespace convmae
