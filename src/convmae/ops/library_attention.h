#pragma once

#include "convmae/ops/score_bias.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace convmae::ops {

/// How the library is told of a bias by rows and columns: as a number for every score, or in the
/// products of which scores consist. Queries are then h + w numbers longer, by their rows and
/// columns, and a key's numbers there are 1 at its own row and column, else 0: nothing of the size
/// of the scores is kept for either pass, but what is infinite becomes NaN.
enum class BiasForm { whole, in_products };

/// Attention without the projection, by the library's scaled_dot_product_attention, for what there
/// is no kernel of ours for; see attention.h. `first` is qkv [B, N, 3C], or query [B, R, C] with
/// `second`, key_value [B, N, 2C] -> [B, R, C]. Differentiable.
at::Tensor library_attention(const at::Tensor& first, const std::optional<at::Tensor>& second,
                             std::int64_t heads, const std::optional<at::Tensor>& visible,
                             const ScoreBias& score_bias, BiasForm form);

}  // namespace convmae::ops
