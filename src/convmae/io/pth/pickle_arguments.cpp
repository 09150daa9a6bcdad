#include "convmae/io/pth/pickle_arguments.h"

#include "convmae/base/error.h"

#include <optional>
#include <string>

namespace convmae {

void throw_unexpected(const char* what, const Value& found) {
  throw UserError(std::string("its pickle has something unexpected as ") + what + ": " +
                  type_name(found));
}

std::span<const Value> expect_tuple(const Value& value, const char* what) {
  const std::optional<Value::Tuple> tuple = value.get<Value::Tuple>();
  if (!tuple) throw_unexpected(what, value);
  return tuple->items->items;
}

std::span<const Value> expect_arguments(std::span<const Value> arguments, std::size_t least,
                                        std::size_t most, const char* what) {
  if (arguments.size() < least || arguments.size() > most) {
    throw UserError("its pickle has " + std::to_string(arguments.size()) + " values in " + what);
  }
  return arguments;
}

std::int64_t expect_integer(const Value& value, const char* what) {
  const std::optional<std::int64_t> integer = value.integer();
  if (!integer) throw_unexpected(what, value);
  return *integer;
}

bool expect_boolean(const Value& value, const char* what) {
  const std::optional<bool> boolean = value.boolean();
  if (!boolean) throw_unexpected(what, value);
  return *boolean;
}

std::string_view expect_text(const Value& value, const char* what) {
  const std::optional<std::string_view> text = value.text();
  if (!text) throw_unexpected(what, value);
  return *text;
}

PickleSymbol expect_symbol(const Value& value, SymbolKind kind, const char* what) {
  const std::optional<PickleSymbol> symbol = value.get<PickleSymbol>();
  if (!symbol || symbol->kind != kind) throw_unexpected(what, value);
  return *symbol;
}

void expect_nothing(const Value& value, const char* what) {
  const Dict* const dict = value.dict();
  if (!value.is_none() && (dict == nullptr || !dict->entries.empty())) {
    throw_unexpected(what, value);
  }
}

std::vector<std::int64_t> expect_sizes(const Value& value, const char* what) {
  constexpr std::size_t kMostDimensions = 64;
  const Sequence* const sequence = value.sequence();
  if (sequence == nullptr) throw_unexpected(what, value);
  if (sequence->items.size() > kMostDimensions) {
    throw UserError("its pickle has a tensor of over 64 dimensions");
  }
  std::vector<std::int64_t> sizes;
  for (const Value& item : sequence->items) {
    sizes.push_back(expect_integer(item, what));
    if (sizes.back() < 0) throw UserError(std::string("its pickle has a negative ") + what);
  }
  return sizes;
}

}  // namespace convmae
