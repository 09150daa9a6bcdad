#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace convmae {

/// `text` for use inside HTML or XML, as content or in a quoted attribute: & < > " ' are escaped,
/// and what is not valid there (control characters, broken UTF-8) becomes U+FFFD.
std::string escape_html(std::string_view text);

/// The pieces, one after the other.
std::string concat(std::initializer_list<std::string_view> pieces);

/// `<tag class="css_class">text</tag>` with the text escaped; no attribute if the class is empty.
std::string html_element(std::string_view tag, std::string_view text,
                         std::string_view css_class = "");

/// Base64 (RFC 4648) with padding.
std::string encode_base64(std::span<const std::uint8_t> bytes);

}  // namespace convmae
