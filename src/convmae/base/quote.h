#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace convmae {

// Text from a file, a path or the command line is any bytes. It reaches a terminal through the
// functions here alone.

/// Whether a character changes nothing but the place where it stands: it is no control character,
/// no separator of lines or paragraphs, no mark that turns the direction of the text around it, no
/// surrogate, and not U+FFFE or U+FFFF, which stand for no character and may not be in XML.
bool is_printable(char32_t code);

/// All of `text`, fit for one line: UTF-8 as it is, but control characters below U+0080 and bytes
/// that belong to no character as \xNN and other characters that are not printable as \u{NNNN}.
/// What is printable already stays the same.
std::string printable(std::string_view text);

/// The same of at most `longest` bytes: "..." takes the place of what is too much in the middle of
/// the text. The larger part is its end, where a path has the name of the file.
std::string brief(std::string_view text, std::size_t longest = 300);

/// `brief(text)` in single quotes, for error messages.
std::string quote(std::string_view text);

/// `text` as one word of a command that bash takes; also one line of printable UTF-8.
std::string shell_word(std::string_view text);

/// `text` itself if it is UTF-8; if not, with \xNN in place of every byte that belongs to no
/// character. For files that must be text: other than a replacement character this keeps names
/// apart that differ in such a byte alone.
std::string as_utf8(std::string_view text);

}  // namespace convmae
