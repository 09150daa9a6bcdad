#pragma once

#include "convmae/io/value.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace convmae {

/// What the rules of a pickle's symbols take: each throws UserError if the argument is something
/// else. `what` names it in the error.
std::span<const Value> expect_tuple(const Value& value, const char* what);
std::span<const Value> expect_arguments(std::span<const Value> arguments, std::size_t least,
                                        std::size_t most, const char* what);
std::int64_t expect_integer(const Value& value, const char* what);
bool expect_boolean(const Value& value, const char* what);
std::string_view expect_text(const Value& value, const char* what);
PickleSymbol expect_symbol(const Value& value, SymbolKind kind, const char* what);
/// None or an empty dict.
void expect_nothing(const Value& value, const char* what);
/// At most 64 numbers, none negative.
std::vector<std::int64_t> expect_sizes(const Value& value, const char* what);

[[noreturn]] void throw_unexpected(const char* what, const Value& found);

}  // namespace convmae
