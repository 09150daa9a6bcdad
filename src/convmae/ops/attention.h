#pragma once

#include "convmae/ops/operand.h"
#include "convmae/ops/score_bias.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace convmae::ops {

/// The Linear behind an attention: weight [out, C], bias [out].
struct Projection {
  Operand weight;
  at::Tensor bias;
};

/// softmax(query key^T / sqrt(D) + score_bias) value for `heads` heads of D = C / heads channels
/// (arXiv 1706.03762, section 3.2), and the projection of that, reading query, key and value from
/// the one tensor that their own projection gives: qkv [B, N, 3C], the parts one after the other in
/// the last dimension -> [B, N, out]. `visible` [B, N] bool, if given, are the tokens that may be
/// attended to; where there is none the projection sees zeros. Any floating type, with the types of
/// ops/linear.h; bfloat16 is accumulated in float32. NaN and infinity of what may be attended to
/// arrive as in float64, also those of the bias: minus infinity is a key that is not seen, and a
/// query that sees nothing because of it gives NaN; on devices other than the CPU an infinite bias
/// by rows and columns gives NaN too. Differentiable once, also for the bias. Throws
/// c10::Error for other shapes.
///
/// As one function with the projection it need not keep, on the CPU, what it hands to that: the
/// backward pass has the weights of the softmax in hand and makes it again. Other devices attend by
/// the library's kernels, which keep that and no scores.
at::Tensor self_attention(const at::Tensor& qkv, std::int64_t heads, const Projection& projection,
                          const std::optional<at::Tensor>& visible = std::nullopt,
                          const ScoreBias& score_bias = {});

/// The same for query [B, R, C] of some tokens and key_value [B, N, 2C] of all -> [B, R, out].
at::Tensor cross_attention(const at::Tensor& query, const at::Tensor& key_value, std::int64_t heads,
                           const Projection& projection,
                           const std::optional<at::Tensor>& visible = std::nullopt,
                           const ScoreBias& score_bias = {});

}  // namespace convmae::ops
