#include "convmae/io/pth/pickle_symbol.h"

#include <algorithm>
#include <array>

namespace convmae {
namespace {

struct Named {
  std::string_view module;
  std::string_view name;
  PickleSymbol symbol;
};

constexpr std::array kSymbols = std::to_array<Named>({
    {"collections", "OrderedDict", {SymbolKind::ordered_dict}},
    {"collections", "Counter", {SymbolKind::counter}},
    {"collections", "defaultdict", {SymbolKind::default_dict}},
    {"argparse", "Namespace", {SymbolKind::name_space}},
    {"torch._utils", "_rebuild_tensor", {SymbolKind::rebuild_tensor}},
    {"torch._utils", "_rebuild_tensor_v2", {SymbolKind::rebuild_tensor_v2}},
    {"torch._utils", "_rebuild_tensor_v3", {SymbolKind::rebuild_tensor_v3}},
    {"torch._utils", "_rebuild_parameter", {SymbolKind::rebuild_parameter}},
    {"torch._utils", "_rebuild_parameter_with_state", {SymbolKind::rebuild_parameter_with_state}},
    {"torch", "DoubleStorage", {SymbolKind::typed_storage, DType::f64}},
    {"torch", "FloatStorage", {SymbolKind::typed_storage, DType::f32}},
    {"torch", "HalfStorage", {SymbolKind::typed_storage, DType::f16}},
    {"torch", "BFloat16Storage", {SymbolKind::typed_storage, DType::bf16}},
    {"torch", "LongStorage", {SymbolKind::typed_storage, DType::i64}},
    {"torch", "IntStorage", {SymbolKind::typed_storage, DType::i32}},
    {"torch", "ShortStorage", {SymbolKind::typed_storage, DType::i16}},
    {"torch", "CharStorage", {SymbolKind::typed_storage, DType::i8}},
    {"torch", "ByteStorage", {SymbolKind::typed_storage, DType::u8}},
    {"torch", "BoolStorage", {SymbolKind::typed_storage, DType::boolean}},
    {"torch", "ComplexDoubleStorage", {SymbolKind::typed_storage, DType::c128}},
    {"torch", "ComplexFloatStorage", {SymbolKind::typed_storage, DType::c64}},
    {"torch", "UntypedStorage", {SymbolKind::untyped_storage}},
    {"torch.storage", "UntypedStorage", {SymbolKind::untyped_storage}},
    {"torch", "Size", {SymbolKind::torch_size}},
    {"torch", "device", {SymbolKind::torch_device}},
    {"numpy.core.multiarray", "scalar", {SymbolKind::numpy_scalar}},
    {"numpy._core.multiarray", "scalar", {SymbolKind::numpy_scalar}},
    {"numpy.core.multiarray", "_reconstruct", {SymbolKind::numpy_reconstruct}},
    {"numpy._core.multiarray", "_reconstruct", {SymbolKind::numpy_reconstruct}},
    {"numpy", "dtype", {SymbolKind::numpy_dtype}},
    {"numpy", "ndarray", {SymbolKind::numpy_ndarray}},
    {"_codecs", "encode", {SymbolKind::codecs_encode}},
    {"__builtin__", "bytes", {SymbolKind::empty_bytes}},
    {"builtins", "bytes", {SymbolKind::empty_bytes}},
    {"__builtin__", "set", {SymbolKind::set}},
    {"builtins", "set", {SymbolKind::set}},
    {"__builtin__", "frozenset", {SymbolKind::set}},
    {"builtins", "frozenset", {SymbolKind::set}},
    {"__builtin__", "dict", {SymbolKind::plain_type}},
    {"builtins", "dict", {SymbolKind::plain_type}},
    {"__builtin__", "list", {SymbolKind::plain_type}},
    {"builtins", "list", {SymbolKind::plain_type}},
    {"__builtin__", "int", {SymbolKind::plain_type}},
    {"builtins", "int", {SymbolKind::plain_type}},
    {"__builtin__", "float", {SymbolKind::plain_type}},
    {"builtins", "float", {SymbolKind::plain_type}},
    {"pathlib", "PosixPath", {SymbolKind::path}},
    {"pathlib", "PurePosixPath", {SymbolKind::path}},
    {"pathlib", "WindowsPath", {SymbolKind::path}},
    {"pathlib", "PureWindowsPath", {SymbolKind::path}},
});

}  // namespace

std::optional<PickleSymbol> find_pickle_symbol(std::string_view module, std::string_view name) {
  const auto* const found = std::ranges::find_if(
      kSymbols, [&](const Named& named) { return named.module == module && named.name == name; });
  if (found != kSymbols.end()) return found->symbol;
  if (module == "torch") {
    if (const std::optional<DType> dtype = dtype_from_torch(name)) {
      return PickleSymbol{SymbolKind::torch_dtype, *dtype};
    }
  }
  return std::nullopt;
}

std::string_view storage_symbol_name(DType dtype) {
  const auto* const found = std::ranges::find_if(kSymbols, [&](const Named& named) {
    return named.symbol.kind == SymbolKind::typed_storage && named.symbol.dtype == dtype;
  });
  return found == kSymbols.end() ? std::string_view() : found->name;
}

}  // namespace convmae
