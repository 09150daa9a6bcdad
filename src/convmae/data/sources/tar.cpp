#include "convmae/data/sources/tar.h"

#include "convmae/base/error.h"
#include "convmae/base/parse_number.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace convmae {
namespace {

// Where a header has what (POSIX.1-1988, "Extended tar Format").
struct Field {
  std::size_t offset;
  std::size_t size;
};
constexpr Field kName{0, 100};
constexpr Field kSize{124, 12};
constexpr Field kChecksum{148, 8};
constexpr Field kType{156, 1};
constexpr Field kMagic{257, 6};
constexpr Field kPrefix{345, 155};

/// Names and records longer than that serve no honest purpose.
constexpr std::int64_t kMaxExtension = 1 << 20;

/// Archives are walked through and never read whole.
constexpr FileKind kArchive{"an archive", std::numeric_limits<std::int64_t>::max()};

std::string_view until_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

/// Octal digits between blanks, or GNU's base 256 for what has no room in them. Nothing if it is
/// neither or too large.
std::optional<std::int64_t> number_of_field(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first & 0x80U) {
    if (first != 0x80U) return std::nullopt;  // negative, or above 2^88
    std::uint64_t value = 0;
    for (const char byte : text.substr(1)) {
      if (value >> 55U) return std::nullopt;
      value = (value << 8U) | static_cast<unsigned char>(byte);
    }
    return static_cast<std::int64_t>(value);
  }
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  text = text.substr(0, text.find_first_of(std::string_view(" \0", 2)));
  return parse_count(text, 8);
}

/// The sum of all bytes, with blanks for the checksum itself. Old writers summed signed bytes.
bool checksum_fits(std::string_view header) {
  const auto stored = number_of_field(header.substr(kChecksum.offset, kChecksum.size));
  std::int64_t as_unsigned = 0;
  std::int64_t as_signed = 0;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const bool own = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    const char byte = own ? ' ' : header[i];
    as_unsigned += static_cast<unsigned char>(byte);
    as_signed += static_cast<signed char>(byte);
  }
  return stored == as_unsigned || stored == as_signed;
}

}  // namespace

struct TarReader::Header {
  std::string name;
  std::int64_t size = -1;
  char type = '0';
};

TarReader::TarReader(std::filesystem::path path)
    : path_(std::move(path)),
      file_(open_for_reading(path_)),
      file_size_(size_of(file_, kArchive, path_)) {}

void TarReader::fail(const std::string& what) const {
  throw UserError("damaged archive " + quote(path_.string()) + ": " + what + " at byte " +
                  std::to_string(offset_) + ": copy or download it again");
}

void TarReader::read_exactly(std::int64_t offset, std::span<char> out) const {
  if (read_at(file_, offset, std::as_writable_bytes(out), path_) < out.size()) {
    fail("it became shorter while it was read");
  }
}

TarReader::Header TarReader::parse_header() const {
  const std::string_view block(blocks_.data(), kBlock);
  const auto field = [block](Field which) { return block.substr(which.offset, which.size); };
  if (!checksum_fits(block)) {
    const bool gzip = offset_ == 0 && block.starts_with("\x1F\x8B");
    fail(gzip ? "it is compressed (unpack it with gunzip first), found a gzip header"
              : "expected a tar header, found something else");
  }
  Header header;
  header.type = field(kType).front();
  header.name = until_nul(field(kName));
  if (field(kMagic) == std::string_view("ustar\0", 6)) {
    const std::string_view prefix = until_nul(field(kPrefix));
    if (!prefix.empty()) header.name = std::string(prefix) + "/" + header.name;
  }
  const auto size = number_of_field(field(kSize));
  if (!size) fail("a member without a proper size");
  header.size = *size;
  return header;
}

/// Records are `LENGTH KEY=VALUE\n`, where the length counts all of it.
void TarReader::apply_pax_records(std::string_view records, Header& next) const {
  while (!records.empty()) {
    const std::size_t blank = records.find(' ');
    const auto length = parse_count(records.substr(0, std::min(blank, records.size())));
    if (!length || blank == std::string_view::npos ||
        *length <= static_cast<std::int64_t>(blank) + 1 || *length > std::ssize(records) ||
        records[static_cast<std::size_t>(*length) - 1] != '\n') {
      fail("an extended header that is not made of records");
    }
    std::string_view record = records.substr(0, static_cast<std::size_t>(*length) - 1);
    record.remove_prefix(blank + 1);
    records.remove_prefix(static_cast<std::size_t>(*length));
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos) fail("an extended header that is not made of records");
    const std::string_view key = record.substr(0, equals);
    const std::string_view value = record.substr(equals + 1);
    if (key == "path") {
      if (value.find('\0') != std::string_view::npos) fail("a name with a zero byte in it");
      next.name = value;
    } else if (key == "size") {
      const auto size = parse_count(value);
      if (!size) fail("a member without a proper size");
      next.size = *size;
    } else if (key.starts_with("GNU.sparse")) {
      fail("a sparse member, which is not supported (store it whole),");
    }
  }
}

std::optional<TarMember> TarReader::next() {
  Header extension;  // what extended headers say of the member behind them
  while (true) {
    offset_ = next_;
    if (offset_ >= file_size_) {
      if (offset_ == 0) fail("it is empty");
      return std::nullopt;
    }
    if (file_size_ - offset_ < kBlock) fail("it ends in a header");
    blocks_.fill('\0');
    const auto ahead = std::min<std::int64_t>(std::ssize(blocks_), file_size_ - offset_);
    read_exactly(offset_, std::span(blocks_).first(static_cast<std::size_t>(ahead)));
    if (std::all_of(blocks_.begin(), blocks_.begin() + kBlock, [](char c) { return c == 0; })) {
      return std::nullopt;  // a block of zeros ends an archive
    }
    Header header = parse_header();
    const bool extends =
        header.type == 'x' || header.type == 'g' || header.type == 'L' || header.type == 'K';
    if (!extends && extension.size >= 0) header.size = extension.size;
    const std::int64_t data = offset_ + kBlock;
    if (header.size > file_size_ - data) fail("a member that goes on behind the file's end");
    const std::int64_t padding = (kBlock - header.size % kBlock) % kBlock;
    next_ = data + header.size + padding;
    if (extends) {
      if (header.size > kMaxExtension) fail("an extended header of more than a megabyte");
      const std::string content = read({header.name, data, header.size});
      if (header.type == 'x') apply_pax_records(content, extension);
      if (header.type == 'L') extension.name = until_nul(content);
      continue;
    }
    if (header.type == 'S') fail("a sparse member, which is not supported (store it whole),");
    if (!extension.name.empty()) header.name = std::move(extension.name);
    const bool regular = header.type == '0' || header.type == '\0' || header.type == '7';
    if (regular && !header.name.ends_with('/')) {
      if (header.name.empty()) fail("a member without a name");
      return TarMember{std::move(header.name), data, header.size};
    }
    const bool link = header.type == '1' || header.type == '2';
    if (link && links_++ == 0) first_link_ = header.name;
    extension = {};
  }
}

std::string TarReader::read(const TarMember& member) const {
  std::string content(static_cast<std::size_t>(member.size), '\0');
  if (member.offset == offset_ + kBlock && member.size <= kBlock) {
    std::copy_n(blocks_.begin() + kBlock, member.size, content.begin());
  } else {
    read_exactly(member.offset, content);
  }
  return content;
}

}  // namespace convmae
