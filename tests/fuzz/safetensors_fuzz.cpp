// The input is a JSON header; 64 bytes of tensors follow it.

#include "convmae/base/error.h"
#include "convmae/io/safetensors/safetensors.h"

#include <cstdint>
#include <cstring>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kDataSize = 64;
  const std::uint64_t header_size = size;
  std::string file(sizeof(header_size), '\0');
  std::memcpy(file.data(), &header_size, sizeof(header_size));
  file.append(reinterpret_cast<const char*>(data), size).append(kDataSize, 'd');
  try {
    const convmae::SafetensorsContent content =
        convmae::parse_safetensors(std::as_bytes(std::span(file)), "fuzz.safetensors");
    std::size_t total = 0;
    for (const convmae::TensorView& tensor : content.tensors) {
      for (const std::byte byte : tensor.data) total += std::to_integer<std::size_t>(byte);
    }
    if (total != kDataSize * 'd') __builtin_trap();  // the tensors are exactly the data
  } catch (const convmae::UserError&) {
    return 0;  // the expected end of most inputs
  }
  return 0;
}
