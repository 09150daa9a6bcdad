#include "convmae/io/tensor_view.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

namespace convmae {
namespace {

struct DTypeNames {
  DType dtype;
  std::int64_t size;
  std::string_view safetensors;
  std::string_view torch;
};

constexpr std::array<DTypeNames, 17> kNames = {{
    {DType::f64, 8, "F64", "float64"},
    {DType::f32, 4, "F32", "float32"},
    {DType::f16, 2, "F16", "float16"},
    {DType::bf16, 2, "BF16", "bfloat16"},
    {DType::i64, 8, "I64", "int64"},
    {DType::i32, 4, "I32", "int32"},
    {DType::i16, 2, "I16", "int16"},
    {DType::i8, 1, "I8", "int8"},
    {DType::u64, 8, "U64", "uint64"},
    {DType::u32, 4, "U32", "uint32"},
    {DType::u16, 2, "U16", "uint16"},
    {DType::u8, 1, "U8", "uint8"},
    {DType::boolean, 1, "BOOL", "bool"},
    {DType::c128, 16, "C128", "complex128"},
    {DType::c64, 8, "C64", "complex64"},
    {DType::f8_e4m3, 1, "F8_E4M3", "float8_e4m3fn"},
    {DType::f8_e5m2, 1, "F8_E5M2", "float8_e5m2"},
}};

const DTypeNames& names_of(DType dtype) {
  const DTypeNames& names = kNames[static_cast<std::size_t>(dtype)];
  assert(names.dtype == dtype);
  return names;
}

std::optional<DType> find_name(std::string_view DTypeNames::*which, std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name, which);
  if (found == kNames.end()) return std::nullopt;
  return found->dtype;
}

std::int64_t product(std::span<const std::int64_t> shape) {
  std::int64_t numel = 1;
  for (const std::int64_t dimension : shape) numel *= dimension;
  return numel;
}

}  // namespace

std::int64_t size_of(DType dtype) { return names_of(dtype).size; }
std::string_view safetensors_name(DType dtype) { return names_of(dtype).safetensors; }
std::string_view torch_name(DType dtype) { return names_of(dtype).torch; }

std::optional<DType> dtype_from_safetensors(std::string_view name) {
  return find_name(&DTypeNames::safetensors, name);
}

std::optional<DType> dtype_from_torch(std::string_view name) {
  return find_name(&DTypeNames::torch, name);
}

std::int64_t TensorView::numel() const { return product(shape); }
std::int64_t StridedTensor::numel() const { return product(shape); }

bool StridedTensor::is_contiguous() const {
  std::int64_t expected = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    if (shape[d] == 0) return true;
    if (shape[d] == 1) continue;
    if (stride[d] != expected) return false;
    expected *= shape[d];
  }
  return true;
}

std::span<const std::byte> StridedTensor::contiguous_data() const {
  assert(is_contiguous());
  if (numel() == 0) return {};
  return storage.subspan(static_cast<std::size_t>(offset * size_of(dtype)),
                         static_cast<std::size_t>(bytes()));
}

std::vector<std::int64_t> contiguous_strides(std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= std::max<std::int64_t>(shape[d], 1);
  }
  return strides;
}

StridedTensor as_strided(const TensorView& view) {
  StridedTensor tensor;
  tensor.dtype = view.dtype;
  tensor.shape = view.shape;
  tensor.stride = contiguous_strides(view.shape);
  tensor.storage = view.data;
  return tensor;
}

void copy_elements(const StridedTensor& tensor, std::span<std::byte> out) {
  assert(static_cast<std::int64_t>(out.size()) == tensor.bytes());
  if (out.empty()) return;
  if (tensor.is_contiguous()) {
    std::ranges::copy(tensor.contiguous_data(), out.begin());
    return;
  }
  const auto size = static_cast<std::size_t>(size_of(tensor.dtype));
  const std::size_t rank = tensor.shape.size();
  std::vector<std::int64_t> index(rank, 0);
  std::int64_t position = tensor.offset;
  for (std::byte* to = out.data(); to != out.data() + out.size(); to += size) {
    std::memcpy(to, tensor.storage.data() + static_cast<std::size_t>(position) * size, size);
    for (std::size_t d = rank; d-- > 0;) {
      // Only strides that lead to an element: that of a single row may be any number.
      if (index[d] + 1 < tensor.shape[d]) {
        ++index[d];
        position += tensor.stride[d];
        break;
      }
      position -= index[d] * tensor.stride[d];
      index[d] = 0;
    }
  }
}

}  // namespace convmae
