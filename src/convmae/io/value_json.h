#pragma once

#include "convmae/io/value.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace convmae {

/// `text`, cut off at 1000 bytes. Text in a file may be shared by many places, so that a small file
/// could fill any output.
std::string shortened(std::string_view text);

/// Numbers, text, truth values and None as JSON, lists and tuples of at most 1000 of them as
/// arrays, and anything else as the name of its type in parentheses.
nlohmann::ordered_json plain_json(const Value& value);

/// The first 1000 members of a dict, each as plain_json.
nlohmann::ordered_json members_json(const Dict& dict);

/// Whether text from a file is JSON that a small machine can take in: at most eight levels, a
/// million values (each of which takes many times its two bytes) and a thousand keys an object
/// (which are looked up one after the other).
bool is_modest_json(std::string_view text);

/// JSON from a file. Discarded if it is not JSON, or not modest.
nlohmann::ordered_json parse_shallow_json(std::string_view text);

/// The value that JSON of this kind stands for: numbers, text, truth values, null, and lists and
/// objects of these.
Value value_from_json(const nlohmann::ordered_json& json, ValueArena& arena);

}  // namespace convmae
