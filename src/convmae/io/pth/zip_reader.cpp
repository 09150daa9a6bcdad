#include "convmae/io/pth/zip_reader.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/byte_reader.h"
#include "convmae/io/pth/zip_format.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace convmae {
namespace {

using Span = std::span<const std::byte>;

constexpr std::size_t kEndSize = 22;
constexpr std::size_t kEnd64Size = 56;
constexpr std::size_t kLocator64Size = 20;
constexpr std::size_t kCentralHeaderSize = 46;
constexpr std::uint16_t kEncrypted = 1;
constexpr std::uint16_t kSizesFollowData = 1 << 3;
constexpr std::uint64_t kMostMembers = 250'000;

struct Directory {
  std::uint64_t members = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
};

struct Member {
  std::string_view name;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint64_t stored_size = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
};

/// Where the end record begins: the last place whose comment reaches exactly to the file's end.
std::size_t find_end(Span file) {
  constexpr std::size_t kLongestComment = 0xFFFF;
  for (std::size_t comment = 0; comment <= kLongestComment; ++comment) {
    if (file.size() < kEndSize + comment) break;
    const std::size_t begin = file.size() - kEndSize - comment;
    ByteReader reader(file, begin);
    if (reader.number<std::uint32_t>() != zip::kEnd) continue;
    if (ByteReader(file, begin + kEndSize - 2).number<std::uint16_t>() == comment) return begin;
  }
  throw UserError("its ZIP directory is missing: the file is damaged or was cut off");
}

/// Reads the zip64 end record, if there is one, over the numbers of the end record at `end`;
/// returns where the central directory must end.
std::size_t read_zip64_end(Span file, std::size_t end, Directory& directory) {
  if (end < kLocator64Size) return end;
  const std::size_t locator = end - kLocator64Size;
  ByteReader reader(file, locator);
  if (reader.number<std::uint32_t>() != zip::kLocator64) return end;
  reader.take(4);
  const auto begin = reader.number<std::uint64_t>();
  if (begin > locator || locator - begin < kEnd64Size) {
    throw UserError("its ZIP64 directory is damaged");
  }
  ByteReader record(file, static_cast<std::size_t>(begin));
  if (record.number<std::uint32_t>() != zip::kEnd64) {
    throw UserError("its ZIP64 directory is damaged");
  }
  record.take(8 + 2 + 2 + 4 + 4 + 8);  // size, versions, disks, members on this disk
  const Directory wide = {record.number<std::uint64_t>(), record.number<std::uint64_t>(),
                          record.number<std::uint64_t>()};
  const bool agrees = (directory.members == zip::kIn64 || directory.members == wide.members) &&
                      (directory.size == zip::kIn64Wide || directory.size == wide.size) &&
                      (directory.offset == zip::kIn64Wide || directory.offset == wide.offset);
  if (!agrees) throw UserError("its two ZIP directories disagree");
  directory = wide;
  return static_cast<std::size_t>(begin);
}

Directory find_directory(Span file) {
  const std::size_t end = find_end(file);
  ByteReader reader(file, end);
  reader.take(4 + 2 + 2 + 2);  // signature, disks, members on this disk
  Directory directory;
  directory.members = reader.number<std::uint16_t>();
  directory.size = reader.number<std::uint32_t>();
  directory.offset = reader.number<std::uint32_t>();
  const std::size_t limit = read_zip64_end(file, end, directory);
  if (directory.offset > limit || directory.size != limit - directory.offset) {
    throw UserError("its ZIP directory does not lie where it should: the file is damaged");
  }
  if (directory.members > kMostMembers || directory.members > directory.size / kCentralHeaderSize) {
    throw UserError("its ZIP directory announces " + std::to_string(directory.members) +
                    " members, more than it has");
  }
  return directory;
}

/// Replaces the numbers that did not fit by those of the zip64 field.
void read_zip64_field(Span extra, Member& member) {
  const bool complete = member.size != zip::kIn64Wide && member.stored_size != zip::kIn64Wide &&
                        member.offset != zip::kIn64Wide;
  if (complete) return;
  ByteReader reader(extra);
  while (reader.remaining() >= 4) {
    const auto kind = reader.number<std::uint16_t>();
    const Span field = reader.take(reader.number<std::uint16_t>());
    if (kind != zip::kZip64Field) continue;
    ByteReader numbers(field);
    for (std::uint64_t* const number : {&member.size, &member.stored_size, &member.offset}) {
      if (*number == zip::kIn64Wide) *number = numbers.number<std::uint64_t>();
    }
    return;
  }
}

Member read_central_header(ByteReader& reader) {
  if (reader.number<std::uint32_t>() != zip::kCentralHeader) {
    throw UserError("its ZIP directory is damaged");
  }
  Member member;
  reader.take(2 + 2);  // versions
  member.flags = reader.number<std::uint16_t>();
  member.method = reader.number<std::uint16_t>();
  reader.take(2 + 2 + 4);  // time, date, checksum
  member.stored_size = reader.number<std::uint32_t>();
  member.size = reader.number<std::uint32_t>();
  const auto name_size = reader.number<std::uint16_t>();
  const auto extra_size = reader.number<std::uint16_t>();
  const auto comment_size = reader.number<std::uint16_t>();
  reader.take(2 + 2 + 4);  // disk, attributes
  member.offset = reader.number<std::uint32_t>();
  member.name = reader.text(name_size);
  read_zip64_field(reader.take(extra_size), member);
  reader.take(comment_size);
  return member;
}

void check_method(const Member& member) {
  const std::string where = "its member " + quote(member.name);
  if ((member.flags & kEncrypted) != 0) throw UserError(where + " is encrypted");
  if (member.method != 0 || member.stored_size != member.size) {
    throw UserError(where +
                    " is compressed, which PyTorch never does: unpack and zip it again "
                    "without compression (zip -0)");
  }
}

/// The member's bytes, from its local header, which must agree with the directory.
Span find_data(Span file, const Member& member) {
  ByteReader reader(file,
                    static_cast<std::size_t>(std::min<std::uint64_t>(member.offset, file.size())));
  const bool is_header = reader.number<std::uint32_t>() == zip::kLocalHeader;
  reader.take(2);
  const auto flags = reader.number<std::uint16_t>();
  const auto method = reader.number<std::uint16_t>();
  reader.take(2 + 2 + 4);
  const auto stored_size = reader.number<std::uint32_t>();
  const auto size = reader.number<std::uint32_t>();
  const auto name_size = reader.number<std::uint16_t>();
  const auto extra_size = reader.number<std::uint16_t>();
  const bool same_name = reader.text(name_size) == member.name;
  reader.take(extra_size);
  const bool sizes_here = (flags & kSizesFollowData) == 0 && size != zip::kIn64Wide;
  const bool same_size = !sizes_here || (size == member.size && stored_size == member.stored_size);
  const bool agrees =
      is_header && same_name && same_size && method == member.method && (flags & kEncrypted) == 0;
  if (!agrees) {
    throw UserError("its member " + quote(member.name) + " disagrees with the ZIP directory");
  }
  return reader.take(member.size);
}

struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

}  // namespace

std::map<std::string_view, Span> read_zip(Span file) {
  const Directory directory = find_directory(file);
  // Members must lie before the directory, so it is the end of what they may read.
  const Span body = file.first(static_cast<std::size_t>(directory.offset));
  ByteReader reader(file.subspan(static_cast<std::size_t>(directory.offset),
                                 static_cast<std::size_t>(directory.size)));
  std::map<std::string_view, Span> members;
  std::vector<Extent> extents;
  extents.reserve(static_cast<std::size_t>(directory.members));
  for (std::uint64_t i = 0; i < directory.members; ++i) {
    const Member member = read_central_header(reader);
    check_method(member);
    const Span data = find_data(body, member);
    if (!members.emplace(member.name, data).second) {
      throw UserError("it has two members " + quote(member.name));
    }
    extents.push_back(
        {member.offset, static_cast<std::uint64_t>(data.data() - file.data()) + data.size()});
  }
  if (reader.remaining() != 0) throw UserError("its ZIP directory has more members than announced");
  std::ranges::sort(extents, {}, &Extent::begin);
  for (std::size_t i = 1; i < extents.size(); ++i) {
    if (extents[i].begin < extents[i - 1].end) throw UserError("its ZIP members overlap");
  }
  return members;
}

}  // namespace convmae
