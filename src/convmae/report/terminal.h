#pragma once

#include <functional>
#include <string_view>

namespace convmae {

/// Where a program writes for a person to read, and what it can show.
struct Terminal {
  std::function<void(std::string_view)> write;  ///< writes at once, unbuffered
  std::function<int()> columns;                 ///< width at this moment
  bool interactive = false;                     ///< a terminal that understands control sequences
  bool colour = false;                          ///< may be written to in colour
  bool unicode = false;                         ///< shows UTF-8
};

/// Standard error. It is interactive if it is a terminal and TERM is not "dumb", and colourful if
/// also NO_COLOR is unset or empty (https://no-color.org).
Terminal standard_error();

}  // namespace convmae
