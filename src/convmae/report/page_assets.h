#pragma once

#include <string_view>

namespace convmae {

/// page.css and page.js, taken in when the program is configured.
extern const std::string_view kPageStyle;
extern const std::string_view kPageScript;

}  // namespace convmae
