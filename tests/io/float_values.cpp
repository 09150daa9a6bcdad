#include "float_values.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace convmae::test {
namespace {

template <typename T>
double number(const std::byte* from) {
  T value{};
  std::memcpy(&value, from, sizeof(value));
  return static_cast<double>(value);
}

double half(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int fraction = bits & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

double element(DType dtype, const std::byte* from) {
  std::uint16_t bits = 0;
  switch (dtype) {
    case DType::f64:
      return number<double>(from);
    case DType::f32:
      return number<float>(from);
    case DType::f16:
      std::memcpy(&bits, from, sizeof(bits));
      return half(bits);
    case DType::bf16:
      std::memcpy(&bits, from, sizeof(bits));
      return std::bit_cast<float>(std::uint32_t{bits} << 16);
    case DType::i64:
      return number<std::int64_t>(from);
    case DType::i32:
      return number<std::int32_t>(from);
    case DType::i16:
      return number<std::int16_t>(from);
    case DType::i8:
      return number<std::int8_t>(from);
    case DType::u64:
      return number<std::uint64_t>(from);
    case DType::u32:
      return number<std::uint32_t>(from);
    case DType::u16:
      return number<std::uint16_t>(from);
    case DType::u8:
    case DType::boolean:
      return number<std::uint8_t>(from);
    default:
      throw std::logic_error("not a real dtype");
  }
}

}  // namespace

std::vector<double> values_of(const StridedTensor& tensor) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(tensor.bytes()));
  copy_elements(tensor, bytes);
  std::vector<double> values;
  const auto size = static_cast<std::size_t>(size_of(tensor.dtype));
  for (std::size_t i = 0; i < bytes.size(); i += size) {
    values.push_back(element(tensor.dtype, bytes.data() + i));
  }
  return values;
}

}  // namespace convmae::test
