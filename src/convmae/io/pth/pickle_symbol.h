#pragma once

#include "convmae/io/tensor_view.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace convmae {

/// The names that a pickle may refer to. They stand for rules of this program; nothing is imported
/// and nothing is called.
enum class SymbolKind : std::uint8_t {
  ordered_dict,
  counter,
  default_dict,
  name_space,
  rebuild_tensor,
  rebuild_tensor_v2,
  rebuild_tensor_v3,
  rebuild_parameter,
  rebuild_parameter_with_state,
  typed_storage,    ///< with the dtype
  untyped_storage,  ///< bytes
  torch_dtype,      ///< with the dtype
  torch_size,
  torch_device,
  numpy_scalar,
  numpy_reconstruct,
  numpy_dtype,
  numpy_ndarray,
  codecs_encode,
  empty_bytes,
  set,
  path,
  plain_type,  ///< dict, list, int, ...: the factory of a defaultdict
};

struct PickleSymbol {
  SymbolKind kind = SymbolKind::plain_type;
  DType dtype = DType::u8;
};

/// A numpy.dtype object.
struct NumpyType {
  DType dtype = DType::f64;
  /// UTF-32 text; `dtype` means nothing.
  bool is_text = false;
};

/// The symbol that a pickle calls MODULE.NAME, or nothing if it is not on the list.
std::optional<PickleSymbol> find_pickle_symbol(std::string_view module, std::string_view name);

/// The name of PyTorch's class of storages of a dtype ("FloatStorage"); empty if it has none.
std::string_view storage_symbol_name(DType dtype);

}  // namespace convmae
