#include "convmae/io/csv.h"

#include "convmae/base/quote.h"

namespace convmae {

std::string csv_field(std::string_view text) {
  std::string field = as_utf8(text);
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string quoted(1, '"');
  for (const char c : field) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

}  // namespace convmae
