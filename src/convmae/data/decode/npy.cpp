#include "convmae/data/decode/npy.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace convmae {
namespace {

constexpr std::size_t kMagicSize = 8;  // "\x93NUMPY", major, minor

[[noreturn]] void malformed(const std::string& what) { throw UserError("damaged .npy: " + what); }

/// A cursor over the dictionary literal.
class Literal {
 public:
  explicit Literal(std::string_view text) : text_(text) {}

  void expect(char c) {
    if (!accept(c)) malformed(std::string("expected '") + c + "' in the header");
  }

  /// Only blanks are left: numpy pads its header with them.
  bool at_end() {
    skip_blanks();
    return text_.empty();
  }

  bool accept(char c) {
    skip_blanks();
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  std::string_view quoted() {
    skip_blanks();
    const char quote = text_.empty() ? '\0' : text_.front();
    if (quote != '\'' && quote != '"') malformed("expected a quoted word in the header");
    const std::size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) malformed("an unterminated word in the header");
    const std::string_view word = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return word;
  }

  bool boolean() {
    skip_blanks();
    for (const auto& [word, value] : {std::pair{"True", true}, std::pair{"False", false}}) {
      if (text_.starts_with(word)) {
        text_.remove_prefix(std::string_view(word).size());
        return value;
      }
    }
    malformed("expected True or False in the header");
  }

  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> numbers;
    expect('(');
    while (!accept(')')) {
      numbers.push_back(number());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return numbers;
  }

 private:
  void skip_blanks() {
    const std::size_t skip = text_.find_first_not_of(" \t\n");
    text_.remove_prefix(std::min(skip, text_.size()));
  }

  std::int64_t number() {
    skip_blanks();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc() || value < 0) malformed("expected a size in the header");
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return value;
  }

  std::string_view text_;
};

PixelType parse_type(std::string_view descr) {
  if (descr == "|u1" || descr == "<u1") return PixelType::uint8;
  if (descr == "<u2") return PixelType::uint16;
  if (descr == "<f4") return PixelType::float32;
  throw UserError("expected a .npy of uint8, uint16 or float32 (little-endian), found type " +
                  quote(descr) + ": convert it with numpy's astype");
}

const char* name_of(PixelType type) {
  switch (type) {
    case PixelType::uint8:
      return "|u1";
    case PixelType::uint16:
      return "<u2";
    case PixelType::float32:
      break;
  }
  return "<f4";
}

}  // namespace

NpyHeader read_npy_header(EncodedBytes encoded) {
  if (encoded.size() < kMagicSize + 4) malformed("the file is truncated");
  const int major = encoded[6];
  const int minor = encoded[7];
  if (major < 1 || major > 3 || minor != 0) {
    malformed("unknown format version " + std::to_string(major) + "." + std::to_string(minor));
  }
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  std::size_t length = 0;
  for (std::size_t i = length_bytes; i-- > 0;) length = (length << 8) | encoded[kMagicSize + i];
  const std::size_t text_at = kMagicSize + length_bytes;
  if (length > encoded.size() - text_at) malformed("the file is truncated");

  Literal literal({reinterpret_cast<const char*>(encoded.data()) + text_at, length});
  NpyHeader header;
  header.data_offset = text_at + length;
  std::optional<PixelType> type;
  bool has_order = false;
  bool has_shape = false;
  const auto once = [](bool seen, std::string_view key) {
    if (seen) malformed("the key " + quote(key) + " stands twice in the header");
  };
  literal.expect('{');
  while (!literal.accept('}')) {
    const std::string_view key = literal.quoted();
    literal.expect(':');
    if (key == "descr") {
      once(type.has_value(), key);
      type = parse_type(literal.quoted());
    } else if (key == "fortran_order") {
      once(has_order, key);
      if (literal.boolean()) {
        throw UserError(
            "expected a .npy in C order, found Fortran order: save numpy.ascontiguousarray(a)");
      }
      has_order = true;
    } else if (key == "shape") {
      once(has_shape, key);
      header.shape = literal.tuple();
      has_shape = true;
    } else {
      malformed("unknown key " + quote(key) + " in the header");
    }
    if (!literal.accept(',')) {
      literal.expect('}');
      break;
    }
  }
  if (!literal.at_end()) malformed("text behind the dictionary in the header");
  if (!type || !has_order || !has_shape) {
    malformed("the header lacks descr, fortran_order or shape");
  }
  header.type = *type;
  return header;
}

std::string npy_header(PixelType type, const std::vector<std::int64_t>& shape) {
  constexpr std::size_t kAlignment = 64;
  std::string text =
      std::string("{'descr': '") + name_of(type) + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t side : shape) text += std::to_string(side) + ", ";
  text += "), }";
  const std::size_t unpadded = kMagicSize + 2 + text.size() + 1;
  text.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", kMagicSize);
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

}  // namespace convmae
