#pragma once

#include "convmae/io/tensor_view.h"

#include <vector>

namespace convmae::test {

/// The elements of a real tensor in row-major order.
std::vector<double> values_of(const StridedTensor& tensor);

}  // namespace convmae::test
