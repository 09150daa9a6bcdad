#include "convmae/checkpoint/element_type.h"

namespace convmae {

at::ScalarType scalar_type_of(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return at::kDouble;
    case DType::f32:
      break;
    case DType::f16:
      return at::kHalf;
    case DType::bf16:
      return at::kBFloat16;
    case DType::i64:
      return at::kLong;
    case DType::i32:
      return at::kInt;
    case DType::i16:
      return at::kShort;
    case DType::i8:
      return at::kChar;
    case DType::u64:
      return at::kUInt64;
    case DType::u32:
      return at::kUInt32;
    case DType::u16:
      return at::kUInt16;
    case DType::u8:
      return at::kByte;
    case DType::boolean:
      return at::kBool;
    case DType::c128:
      return at::kComplexDouble;
    case DType::c64:
      return at::kComplexFloat;
    case DType::f8_e4m3:
      return at::kFloat8_e4m3fn;
    case DType::f8_e5m2:
      return at::kFloat8_e5m2;
  }
  return at::kFloat;
}

std::optional<DType> weight_dtype_of(at::ScalarType type) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::f16, DType::i64}) {
    if (scalar_type_of(dtype) == type) return dtype;
  }
  return std::nullopt;
}

}  // namespace convmae
