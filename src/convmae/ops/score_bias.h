#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace convmae::ops {

struct BiasGrid {
  std::int64_t height = 0;
  std::int64_t width = 0;
};

/// What an attention adds to its scores, query key^T / sqrt(D), before the softmax: something that
/// depends on where query and key lie in a grid of h x w places. Either form may be absent
/// (undefined); where both are there they add up. All are of a floating type, not necessarily that
/// of the queries, and get gradients in their own.
struct ScoreBias {
  /// [heads, 2h-1, 2w-1]: the query at row yq and column xq sees the key at yk and xk with
  /// table[head, yq - yk + h - 1, xq - xk + w - 1]. This is the relative position bias of BEiT
  /// (arXiv 2106.08254) and Swin, whose tables [(2h-1)(2w-1), heads] are the same with the heads
  /// last.
  at::Tensor table = {};
  /// [B, heads, R, h] and [B, heads, R, w], both or none: the key at yk and xk adds
  /// rows[b, head, query, yk] + columns[b, head, query, xk]. With the products of a query, as it is
  /// before it is scaled, and the vectors of its relative rows and columns these are the decomposed
  /// relative positions of MViTv2 (arXiv 2112.01526, equation 4) and ViTDet.
  at::Tensor rows = {};
  at::Tensor columns = {};
  /// [B, N] int64: where each key lies, as the number y * w + x of its place. If absent, key i lies
  /// at place i, and there are N = h * w of them; this is the faster case.
  at::Tensor key_places = {};
  /// [B, R] int64: where each query lies. If absent, query i lies where key i does.
  at::Tensor query_places = {};

  bool empty() const { return !table.defined() && !rows.defined() && !columns.defined(); }
  /// Of a bias that is not empty and fits its scores.
  BiasGrid grid() const;
  /// Undefined if query i lies at place i.
  const at::Tensor& places_of_queries() const {
    return query_places.defined() ? query_places : key_places;
  }
};

/// The sizes of an attention that a bias must fit.
struct ScoreShape {
  std::int64_t images = 0;
  std::int64_t heads = 0;
  std::int64_t queries = 0;
  std::int64_t keys = 0;
};

/// Throws c10::Error if the bias, which is not empty, does not fit the scores.
void check(const ScoreBias& bias, const ScoreShape& scores);

/// All that the bias adds, in full: [B or 1, heads, R, N], differentiable.
at::Tensor full_bias(const ScoreBias& bias, const ScoreShape& scores);

/// What the rows and columns of a bias, one after the other, are multiplied with to give it for
/// each key: [B or 1, N, h + w], 1 at the key's row and at h plus its column, else 0.
at::Tensor keys_as_vectors(const ScoreBias& bias, const ScoreShape& scores);

}  // namespace convmae::ops
