#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace convmae {

/// The text of `json`, which is UTF-8 whatever the strings in it are: bytes that are not become
/// U+FFFD. Characters that are not printable are written as \uNNNN, which means the same, so that
/// the text can also go to a terminal. `indent` as in nlohmann::json::dump.
std::string json_text(const nlohmann::ordered_json& json, int indent = -1);

}  // namespace convmae
