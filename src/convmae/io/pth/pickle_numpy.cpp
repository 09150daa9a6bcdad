#include "convmae/io/pth/pickle_numpy.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/utf8.h"
#include "convmae/io/pth/pickle_arguments.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

namespace convmae {
namespace {

constexpr std::array<std::pair<std::string_view, DType>, 12> kTypes = {{{"f8", DType::f64},
                                                                        {"f4", DType::f32},
                                                                        {"f2", DType::f16},
                                                                        {"i8", DType::i64},
                                                                        {"i4", DType::i32},
                                                                        {"i2", DType::i16},
                                                                        {"i1", DType::i8},
                                                                        {"u8", DType::u64},
                                                                        {"u4", DType::u32},
                                                                        {"u2", DType::u16},
                                                                        {"u1", DType::u8},
                                                                        {"b1", DType::boolean}}};

double half_to_double(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int fraction = bits & 1023;
  double magnitude = 0;
  if (exponent == 31) {
    magnitude = fraction == 0 ? HUGE_VAL : std::nan("");
  } else if (exponent == 0) {
    magnitude = std::ldexp(fraction, -24);
  } else {
    magnitude = std::ldexp(fraction + 1024, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

template <typename T>
T number_from(std::span<const std::byte> data) {
  T value{};
  std::memcpy(&value, data.data(), sizeof(T));
  return value;
}

Value scalar_value(DType dtype, std::span<const std::byte> data, PickleObjects& objects) {
  switch (dtype) {
    case DType::f64:
      return number_from<double>(data);
    case DType::f32:
      return double{number_from<float>(data)};
    case DType::f16:
      return half_to_double(number_from<std::uint16_t>(data));
    case DType::i64:
      return number_from<std::int64_t>(data);
    case DType::i32:
      return std::int64_t{number_from<std::int32_t>(data)};
    case DType::i16:
      return std::int64_t{number_from<std::int16_t>(data)};
    case DType::i8:
      return std::int64_t{number_from<std::int8_t>(data)};
    case DType::u32:
      return std::int64_t{number_from<std::uint32_t>(data)};
    case DType::u16:
      return std::int64_t{number_from<std::uint16_t>(data)};
    case DType::u8:
      return std::int64_t{number_from<std::uint8_t>(data)};
    case DType::boolean:
      return number_from<std::uint8_t>(data) != 0;
    default: {  // u64
      const auto number = number_from<std::uint64_t>(data);
      if (number <= INT64_MAX) return static_cast<std::int64_t>(number);
      objects.budget().charge(64);
      return BigInteger{objects.arena().keep(std::to_string(number))};
    }
  }
}

/// From UTF-32, where zeros fill the end.
Value text_scalar(std::span<const std::byte> data, PickleObjects& objects) {
  objects.budget().charge(64 + 2 * data.size());
  std::string text;
  for (; data.size() >= 4; data = data.subspan(4)) {
    const auto code = number_from<std::uint32_t>(data);
    if (code > 0x10FFFF) throw UserError("its pickle has text that is not UTF-32");
    if (code == 0) break;
    append_utf8(text, code);
  }
  return objects.arena().keep(std::move(text));
}

Bytes expect_bytes(const Value& value, const char* what) {
  const std::optional<Bytes> bytes = value.get<Bytes>();
  if (!bytes) throw_unexpected(what, value);
  return *bytes;
}

}  // namespace

NumpyType make_numpy_type(std::span<const Value> arguments) {
  expect_arguments(arguments, 1, 3, "a numpy.dtype");
  std::string_view name = expect_text(arguments[0], "a numpy.dtype");
  if (name.starts_with('<') || name.starts_with('|')) name.remove_prefix(1);
  if (name.starts_with('U')) return {DType::u32, true};
  for (const auto& [known, dtype] : kTypes) {
    if (known == name) return {dtype, false};
  }
  throw UserError("its pickle has the numpy type " + quote(name) + ", which is not supported");
}

void check_numpy_type_state(std::span<const Value> state) {
  expect_arguments(state, 8, 9, "the state of a numpy.dtype");
  const std::string_view order = expect_text(state[1], "the byte order of a numpy.dtype");
  if (order != "<" && order != "|" && order != "=") {
    throw UserError("its pickle has numpy values that are not little-endian");
  }
  for (std::size_t i = 2; i <= 4; ++i) expect_nothing(state[i], "the fields of a numpy.dtype");
}

Value make_numpy_scalar(std::span<const Value> arguments, PickleObjects& objects) {
  expect_arguments(arguments, 2, 2, "a numpy scalar");
  const std::optional<NumpyType> type = arguments[0].get<NumpyType>();
  if (!type) throw_unexpected("the type of a numpy scalar", arguments[0]);
  const std::span<const std::byte> data = expect_bytes(arguments[1], "a numpy scalar").data;
  if (type->is_text) return text_scalar(data, objects);
  if (static_cast<std::int64_t>(data.size()) != size_of(type->dtype)) {
    throw UserError("its pickle has a numpy scalar of the wrong size");
  }
  objects.budget().charge(2 * sizeof(NumpyScalar));
  return objects.arena().new_numpy_scalar({type->dtype, scalar_value(type->dtype, data, objects)});
}

Value make_numpy_array(std::span<const Value> arguments, PickleObjects& objects) {
  expect_arguments(arguments, 3, 3, "a numpy array");
  expect_symbol(arguments[0], SymbolKind::numpy_ndarray, "the class of a numpy array");
  objects.budget().charge(2 * sizeof(NumpyArray));
  NumpyArray array;
  array.tensor.shape = {0};
  array.tensor.stride = {1};
  return objects.arena().new_numpy_array(std::move(array));
}

void fill_numpy_array(NumpyArray& array, std::span<const Value> state, PickleObjects& objects) {
  expect_arguments(state, 5, 5, "the state of a numpy array");
  StridedTensor& tensor = array.tensor;
  tensor.shape = expect_sizes(state[1], "size of a numpy array");
  const std::optional<NumpyType> type = state[2].get<NumpyType>();
  if (!type || type->is_text) throw_unexpected("the type of a numpy array", state[2]);
  tensor.dtype = type->dtype;
  const bool fortran_order = expect_boolean(state[3], "the order of a numpy array");
  tensor.storage = expect_bytes(state[4], "the data of a numpy array").data;
  const std::optional<std::int64_t> numel = checked_numel(tensor.shape);
  const std::optional<std::int64_t> bytes =
      numel ? checked_multiply(*numel, size_of(tensor.dtype)) : std::nullopt;
  if (!bytes || *bytes != static_cast<std::int64_t>(tensor.storage.size())) {
    throw UserError("its pickle has a numpy array whose data do not fit its shape");
  }
  objects.budget().charge(2 * sizeof(std::int64_t) * tensor.shape.size());
  if (fortran_order) {
    const std::vector<std::int64_t> reversed(tensor.shape.rbegin(), tensor.shape.rend());
    const std::vector<std::int64_t> strides = contiguous_strides(reversed);
    tensor.stride.assign(strides.rbegin(), strides.rend());
  } else {
    tensor.stride = contiguous_strides(tensor.shape);
  }
}

Value encode_latin1(std::span<const Value> arguments, PickleObjects& objects) {
  expect_arguments(arguments, 2, 2, "encoded bytes");
  const std::string_view text = expect_text(arguments[0], "encoded bytes");
  if (expect_text(arguments[1], "an encoding") != "latin1") {
    throw_unexpected("an encoding", arguments[1]);
  }
  objects.budget().charge(64 + 2 * text.size());
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      bytes += text[i];
      continue;
    }
    if (lead > 0xC3) throw UserError("its pickle has bytes that are not Latin-1");
    const auto next = static_cast<unsigned char>(text[++i]);  // text is known to be UTF-8
    bytes += static_cast<char>(((lead & 3) << 6) | (next & 0x3F));
  }
  return Bytes{std::as_bytes(std::span(objects.arena().keep(std::move(bytes))))};
}

}  // namespace convmae
