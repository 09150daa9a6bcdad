// The input is the pickle of a file in the ZIP container, which has the storages 0 (16 bytes) and 1
// (64 bytes). Mutating the pickle alone reaches further than mutating whole files.

#include "use_checkpoint.h"
#include <cstdint>
#include <string>
#include <string_view>

namespace {

/// A ZIP archive of stored members, without checksums.
class Zip {
 public:
  void add(std::string_view name, std::string_view data) {
    const std::string sizes =
        number(0, 4) + number(data.size(), 4) + number(data.size(), 4) + number(name.size(), 2);
    const std::string common = number(0, 8) + sizes;  // flags, method, time, date
    directory_ +=
        "PK\x01\x02" + number(20, 4) + common + number(0, 12) + number(members_.size(), 4);
    directory_ += name;
    members_ += "PK\x03\x04" + number(20, 2) + common + number(0, 2);
    members_ += name;
    members_ += data;
    ++count_;
  }

  std::string file() const {
    return members_ + directory_ + "PK\x05\x06" + number(0, 4) + number(count_, 2) +
           number(count_, 2) + number(directory_.size(), 4) + number(members_.size(), 4) +
           number(0, 2);
  }

 private:
  static std::string number(std::size_t value, std::size_t bytes) {
    std::string text;
    for (; bytes > 0; --bytes, value >>= 8) text += static_cast<char>(value & 0xFF);
    return text;
  }

  std::string members_;
  std::string directory_;
  std::size_t count_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Zip zip;
  zip.add("a/data.pkl", {reinterpret_cast<const char*>(data), size});
  zip.add("a/data/0", std::string(16, 'x'));
  zip.add("a/data/1", std::string(64, 'y'));
  const std::string file = zip.file();
  convmae::fuzz::use_checkpoint(std::as_bytes(std::span(file)));
  return 0;
}
