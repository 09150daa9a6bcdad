#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// Element types that safetensors or PyTorch files can hold. All are little-endian in files.
enum class DType : std::uint8_t {
  f64,
  f32,
  f16,
  bf16,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean,
  c128,
  c64,
  f8_e4m3,
  f8_e5m2,
};

/// Bytes of an element.
std::int64_t size_of(DType dtype);
/// The name in a safetensors header: "F32", "BF16", "BOOL".
std::string_view safetensors_name(DType dtype);
/// The name in PyTorch without "torch.": "float32", "bfloat16", "bool".
std::string_view torch_name(DType dtype);
/// The inverse of `safetensors_name`; nothing for names that this program does not know.
std::optional<DType> dtype_from_safetensors(std::string_view name);
/// The inverse of `torch_name`.
std::optional<DType> dtype_from_torch(std::string_view name);

/// A named tensor in row-major order, whose memory belongs to someone else (a mapped file, a
/// model).
struct TensorView {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  /// numel * size_of(dtype) bytes, without any promise of alignment.
  std::span<const std::byte> data;

  std::int64_t numel() const;
};

/// A tensor as PyTorch files describe it: a window with strides on a storage that other tensors may
/// share. Readers make these only after checking that every element lies inside the storage.
struct StridedTensor {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  /// In elements, one a dimension, none negative.
  std::vector<std::int64_t> stride;
  /// In elements, from the storage's beginning.
  std::int64_t offset = 0;
  /// Equal numbers share memory; numbered in the order of first appearance in the file.
  std::int64_t storage_id = 0;
  bool requires_grad = false;
  /// The whole storage, without any promise of alignment.
  std::span<const std::byte> storage;

  std::int64_t numel() const;
  std::int64_t bytes() const { return numel() * size_of(dtype); }
  bool is_contiguous() const;
  /// The tensor's own bytes if it is contiguous.
  std::span<const std::byte> contiguous_data() const;
};

/// Row-major strides of a shape whose element count fits.
std::vector<std::int64_t> contiguous_strides(std::span<const std::int64_t> shape);

/// The view as a tensor with its own storage.
StridedTensor as_strided(const TensorView& view);

/// Writes the elements in row-major order to `out`, which has `tensor.bytes()` bytes.
void copy_elements(const StridedTensor& tensor, std::span<std::byte> out);

}  // namespace convmae
