#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace convmae::ops {

/// softmax(query key^T / sqrt(D)) value for `heads` heads of D = C / heads channels (arXiv
/// 1706.03762, section 3.2), reading all three from the one tensor that their projection gives:
/// qkv [B, N, 3C], the parts one after the other in the last dimension -> [B, N, C].
/// `visible` [B, N] bool, if given, are the tokens that may be attended to; where there is none the
/// result is zero. Any floating type; bfloat16 is accumulated in float32. Throws c10::Error for
/// other shapes.
at::Tensor self_attention(const at::Tensor& qkv, std::int64_t heads,
                          const std::optional<at::Tensor>& visible = std::nullopt);

/// The same for query [B, R, C] of some tokens and key_value [B, N, 2C] of all -> [B, R, C].
at::Tensor cross_attention(const at::Tensor& query, const at::Tensor& key_value, std::int64_t heads,
                           const std::optional<at::Tensor>& visible = std::nullopt);

}  // namespace convmae::ops
