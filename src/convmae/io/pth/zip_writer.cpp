#include "convmae/io/pth/zip_writer.h"

#include "convmae/io/pth/zip_format.h"

#include <algorithm>
#include <cstring>
#include <zlib.h>

namespace convmae {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::uint16_t kVersion = 45;  // what zip64 needs
constexpr std::uint16_t kUtf8Names = 1 << 11;
constexpr std::uint16_t kDate = (1 << 5) | 1;    // 1980-01-01: equal content gives equal files
constexpr std::uint16_t kPaddingField = 0x4246;  // what PyTorch uses
constexpr std::size_t kLocalHeaderSize = 30;
constexpr std::size_t kZip64LocalSize = 4 + 2 * 8;

/// A record built number by number, little-endian.
class Record {
 public:
  explicit Record(std::uint32_t signature) { number(signature); }

  template <typename T>
  Record& number(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    bytes_.append(bytes, sizeof(T));
    return *this;
  }
  Record& text(std::string_view text) {
    bytes_ += text;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

std::uint32_t checksum(std::span<const std::byte> data) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size()));
}

/// What local and central headers have in common after the signature and the writer's version.
void describe(Record& record, std::uint32_t crc, std::string_view name, std::size_t extra_size) {
  record.number(kVersion).number(kUtf8Names).number(std::uint16_t{0});  // stored
  record.number(std::uint16_t{0}).number(kDate).number(crc);
  record.number(zip::kIn64Wide).number(zip::kIn64Wide);
  record.number(static_cast<std::uint16_t>(name.size()));
  record.number(static_cast<std::uint16_t>(extra_size));
}

}  // namespace

void ZipWriter::add(std::string_view name, std::span<const std::byte> data) {
  const std::uint64_t offset = file_.size();
  const std::uint64_t size = data.size();
  const std::uint32_t crc = checksum(data);
  const std::size_t unpadded = offset + kLocalHeaderSize + name.size() + kZip64LocalSize + 4;
  const std::size_t padding = (kAlignment - unpadded % kAlignment) % kAlignment;

  Record local(zip::kLocalHeader);
  describe(local, crc, name, kZip64LocalSize + 4 + padding);
  local.text(name).number(zip::kZip64Field).number(std::uint16_t{16}).number(size).number(size);
  local.number(kPaddingField).number(static_cast<std::uint16_t>(padding));
  file_.write(local.text(std::string(padding, 'Z')).bytes());
  file_.write(data);

  Record central(zip::kCentralHeader);
  central.number(kVersion);
  describe(central, crc, name, 4 + 3 * 8);
  central.number(std::uint16_t{0}).number(std::uint16_t{0}).number(std::uint16_t{0});
  central.number(std::uint32_t{0}).number(zip::kIn64Wide).text(name);
  central.number(zip::kZip64Field).number(std::uint16_t{24});
  central.number(size).number(size).number(offset);
  directory_ += central.bytes();
  ++members_;
}

void ZipWriter::finish() {
  const std::uint64_t offset = file_.size();
  const std::uint64_t size = directory_.size();
  file_.write(directory_);
  Record end64(zip::kEnd64);
  end64.number(std::uint64_t{44}).number(kVersion).number(kVersion);
  end64.number(std::uint32_t{0}).number(std::uint32_t{0}).number(members_).number(members_);
  file_.write(end64.number(size).number(offset).bytes());
  Record locator(zip::kLocator64);
  locator.number(std::uint32_t{0}).number(offset + size).number(std::uint32_t{1});
  file_.write(locator.bytes());
  Record end(zip::kEnd);
  end.number(std::uint16_t{0}).number(std::uint16_t{0}).number(zip::kIn64).number(zip::kIn64);
  file_.write(end.number(zip::kIn64Wide).number(zip::kIn64Wide).number(std::uint16_t{0}).bytes());
}

}  // namespace convmae
