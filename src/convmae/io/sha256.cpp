#include "convmae/io/sha256.h"

#include "convmae/base/file_descriptor.h"

#include <array>
#include <cerrno>
#include <memory>
#include <openssl/evp.h>
#include <stdexcept>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace convmae {
namespace {

class Digest {
 public:
  Digest() { check(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr)); }

  void update(std::span<const std::byte> data) {
    check(EVP_DigestUpdate(context_.get(), data.data(), data.size()));
  }

  std::string hexadecimal() {
    std::array<unsigned char, 32> digest{};
    check(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr));
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : digest) {
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    }
    return text;
  }

 private:
  static void check(int result) {
    if (result != 1) throw std::runtime_error("libcrypto cannot compute SHA-256");
  }

  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{EVP_MD_CTX_new(),
                                                                   &EVP_MD_CTX_free};
};

}  // namespace

std::string sha256(std::span<const std::byte> data) {
  Digest digest;
  digest.update(data);
  return digest.hexadecimal();
}

std::string sha256_of_file(const std::filesystem::path& path) {
  const FileDescriptor file = open_for_reading(path);
  std::vector<std::byte> buffer(std::size_t{1} << 20);
  Digest digest;
  while (true) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_file_error("read", path, errno);
    if (count == 0) return digest.hexadecimal();
    digest.update(std::span(buffer).first(static_cast<std::size_t>(count)));
  }
}

}  // namespace convmae
