#pragma once

#include "convmae/io/tensor_view.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// One tensor's entry in a safetensors header, as it stands there: only types and names are
/// checked.
struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
};

/// Parses the JSON of a header. Throws UserError whose text says what is wrong, without the file.
SafetensorsHeader parse_safetensors_header(std::string_view json);

/// The inverse: what a file begins with, the header's length and the header, padded with spaces to
/// a multiple of 8 bytes.
std::string safetensors_header_bytes(std::span<const SafetensorsEntry> entries,
                                     const std::map<std::string, std::string>& metadata);

}  // namespace convmae
