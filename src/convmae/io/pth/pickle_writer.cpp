#include "convmae/io/pth/pickle_writer.h"

#include "convmae/io/pth/pickle_symbol.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

namespace convmae {
namespace {

/// Little-endian two's complement of a decimal integer, in as few bytes as hold it with its sign.
std::string twos_complement(std::string_view decimal) {
  const bool negative = decimal.starts_with('-');
  std::string_view digits = decimal.substr(negative ? 1 : 0);
  std::vector<std::uint32_t> words;  // least significant first
  while (!digits.empty()) {          // nine digits at a time
    std::uint64_t scale = 1;
    std::uint64_t carry = 0;
    for (const char digit : digits.substr(0, 9)) {
      carry = carry * 10 + static_cast<std::uint64_t>(digit - '0');
      scale *= 10;
    }
    digits.remove_prefix(std::min<std::size_t>(9, digits.size()));
    for (std::uint32_t& word : words) {
      const std::uint64_t value = word * scale + carry;
      word = static_cast<std::uint32_t>(value);
      carry = value >> 32;
    }
    if (carry != 0) words.push_back(static_cast<std::uint32_t>(carry));
  }
  std::vector<unsigned> bytes;
  for (const std::uint32_t word : words) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back((word >> shift) & 0xFF);
  }
  bytes.push_back(0);
  unsigned carry = 1;
  for (unsigned& byte : bytes) {
    if (!negative) break;
    const unsigned value = (~byte & 0xFF) + carry;
    byte = value & 0xFF;
    carry = value >> 8;
  }
  // The last byte is needed only where the sign could not be told without it.
  const unsigned sign = negative ? 0xFF : 0;
  while (bytes.size() > 1 && bytes.back() == sign &&
         (bytes[bytes.size() - 2] & 0x80) == (sign & 0x80)) {
    bytes.pop_back();
  }
  std::string text;
  for (const unsigned byte : bytes) text += static_cast<char>(byte);
  return text;
}

}  // namespace

PickleWriter::PickleWriter(const Value& root) : pickle_("\x80\x02") {
  write(root);
  pickle_ += '.';
}

template <typename T>
void PickleWriter::number(T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  pickle_.append(bytes, sizeof(T));
}

void PickleWriter::write_integer(std::int64_t value) {
  if (value >= 0 && value <= 0xFF) {
    pickle_ += 'K';
    number(static_cast<std::uint8_t>(value));
  } else if (value >= std::numeric_limits<std::int32_t>::min() &&
             value <= std::numeric_limits<std::int32_t>::max()) {
    pickle_ += 'J';
    number(static_cast<std::int32_t>(value));
  } else {
    pickle_ += "\x8a\x08";
    number(value);
  }
}

void PickleWriter::write_big_integer(std::string_view decimal) {
  const std::string bytes = twos_complement(decimal);
  pickle_ += '\x8a';
  number(static_cast<std::uint8_t>(bytes.size()));
  pickle_ += bytes;
}

void PickleWriter::write_real(double value) {
  pickle_ += 'G';
  number(__builtin_bswap64(std::bit_cast<std::uint64_t>(value)));
}

void PickleWriter::write_text(std::string_view text) {
  pickle_ += 'X';
  number(static_cast<std::uint32_t>(text.size()));
  pickle_ += text;
}

/// Protocol 2 has no bytes: they are encoded text.
void PickleWriter::write_bytes(std::span<const std::byte> bytes) {
  write_symbol("_codecs", "encode");
  std::string text;
  for (const std::byte byte : bytes) {
    const auto code = std::to_integer<unsigned>(byte);
    if (code < 0x80) {
      text += static_cast<char>(code);
    } else {
      text += static_cast<char>(0xC0 | (code >> 6));
      text += static_cast<char>(0x80 | (code & 0x3F));
    }
  }
  write_text(text);
  write_text("latin1");
  pickle_ += "\x86R";
}

void PickleWriter::write_symbol(std::string_view module, std::string_view name) {
  pickle_ += 'c';
  pickle_ += module;
  pickle_ += '\n';
  pickle_ += name;
  pickle_ += '\n';
}

void PickleWriter::write_members(const Dict& dict) {
  if (dict.entries.empty()) return;
  pickle_ += '(';
  for (const auto& [key, value] : dict.entries) {
    write(key);
    write(value);
  }
  pickle_ += 'u';
}

void PickleWriter::write_sizes(std::span<const std::int64_t> sizes) {
  pickle_ += '(';
  for (const std::int64_t size : sizes) write_integer(size);
  pickle_ += 't';
}

void PickleWriter::write_storage(const StridedTensor& tensor) {
  const auto [entry, is_new] = storage_numbers_.try_emplace(
      {tensor.storage.data(), tensor.storage.size(), tensor.dtype}, storages_.size());
  // An empty tensor has no address that could tell its storage from another's.
  if (is_new || tensor.storage.empty()) {
    entry->second = storages_.size();
    storages_.push_back(tensor.storage);
  }
  const std::string_view type = storage_symbol_name(tensor.dtype);
  pickle_ += '(';
  write_text("storage");
  write_symbol(type.empty() ? "torch.storage" : "torch", type.empty() ? "UntypedStorage" : type);
  write_text(std::to_string(entry->second));
  write_text("cpu");
  const auto bytes = static_cast<std::int64_t>(tensor.storage.size());
  write_integer(type.empty() ? bytes : bytes / size_of(tensor.dtype));
  pickle_ += "tQ";
}

void PickleWriter::write_tensor(const StridedTensor& tensor) {
  const bool typed = !storage_symbol_name(tensor.dtype).empty();
  write_symbol("torch._utils", typed ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
  pickle_ += '(';
  write_storage(tensor);
  write_integer(tensor.offset);
  write_sizes(tensor.shape);
  write_sizes(tensor.stride);
  pickle_ += tensor.requires_grad ? '\x88' : '\x89';
  write_symbol("collections", "OrderedDict");
  pickle_ += ")R";
  if (!typed) write_symbol("torch", torch_name(tensor.dtype));
  pickle_ += "tR";
}

void PickleWriter::write(const Value& value) {
  struct Visitor {
    PickleWriter& writer;
    std::string& pickle;

    void operator()(std::monostate) const { pickle += 'N'; }
    void operator()(bool boolean) const { pickle += boolean ? '\x88' : '\x89'; }
    void operator()(std::int64_t integer) const { writer.write_integer(integer); }
    void operator()(double real) const { writer.write_real(real); }
    void operator()(const BigInteger& big) const { writer.write_big_integer(big.decimal); }
    void operator()(std::string_view text) const { writer.write_text(text); }
    void operator()(const Bytes& bytes) const { writer.write_bytes(bytes.data); }
    void operator()(const StridedTensor* tensor) const { writer.write_tensor(*tensor); }
    void operator()(const NumpyScalar* scalar) const { writer.write(scalar->value); }
    void operator()(const NumpyArray* array) const { writer.write_tensor(array->tensor); }
    void operator()(Value::List list) const {
      pickle += "](";
      for (const Value& item : list.items->items) writer.write(item);
      pickle += 'e';
    }
    void operator()(Value::Tuple tuple) const {
      pickle += '(';
      for (const Value& item : tuple.items->items) writer.write(item);
      pickle += 't';
    }
    void operator()(const Dict* dict) const {
      if (dict->ordered) {
        writer.write_symbol("collections", "OrderedDict");
        pickle += ")R";
      } else {
        pickle += '}';
      }
      writer.write_members(*dict);
    }
    void operator()(const Object* object) const {
      pickle += '}';
      writer.write_members(object->attributes);
    }
    // A finished document has none of these.
    void operator()(PickleSymbol) const {}
    void operator()(const Storage*) const {}
    void operator()(NumpyType) const {}
  };
  std::visit(Visitor{*this, pickle_}, value.data());
}

}  // namespace convmae
