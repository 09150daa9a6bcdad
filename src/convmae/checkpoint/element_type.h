#pragma once

#include "convmae/io/tensor_view.h"

#include <c10/core/ScalarType.h>

#include <optional>

namespace convmae {

/// What libtorch calls the elements of a tensor in a file.
at::ScalarType scalar_type_of(DType dtype);

/// What a file calls the elements of a tensor that it may hold as a weight or as a count; nothing
/// for other types, which no weights have.
std::optional<DType> weight_dtype_of(at::ScalarType type);

}  // namespace convmae
