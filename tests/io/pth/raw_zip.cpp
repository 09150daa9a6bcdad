#include "raw_zip.h"

#include "support/bytes.h"

namespace convmae::test {

std::string RawZip::file() const {
  std::string body;
  std::string directory;
  for (const RawMember& member : members) {
    const std::string name = member.local_name.value_or(member.name);
    const auto size = static_cast<std::uint32_t>(member.data.size());
    const std::string how = little(member.flags, 2) + little(member.method, 2) + little(0, 8);
    directory += member.central_signature + little(20, 4) + how;
    directory += little(member.stored_size.value_or(member.size.value_or(size)), 4);
    directory += little(member.size.value_or(size), 4) + little(member.name.size(), 2);
    directory += little(0, 12) + little(member.offset.value_or(body.size()), 4) + member.name;
    body += member.local_signature + little(20, 2) + how;
    body +=
        little(member.local_size.value_or(size), 4) + little(member.local_size.value_or(size), 4);
    body += little(name.size(), 2) + little(0, 2) + name + member.data;
  }
  const std::uint16_t count = member_count.value_or(static_cast<std::uint16_t>(members.size()));
  const std::string end = end_signature + little(0, 4) + little(count, 2) + little(count, 2) +
                          little(directory_size.value_or(directory.size()), 4) +
                          little(directory_offset.value_or(body.size()), 4) + little(0, 2);
  return body + directory + before_end + end;
}

}  // namespace convmae::test
