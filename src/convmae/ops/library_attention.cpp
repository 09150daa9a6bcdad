#include "convmae/ops/library_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/where.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace convmae::ops {
namespace {

using at::Tensor;

/// [B, heads, tokens, D] each, views.
struct Heads {
  Tensor query;
  Tensor key;
  Tensor value;
};

/// What one tensor holds is taken out of it at once, so that gradients are put into it at once.
Heads heads_of(const Tensor& first, const std::optional<Tensor>& second, std::int64_t heads) {
  const auto parts = [heads](const Tensor& x, std::int64_t count) {
    return x.unflatten(2, {count, heads, x.size(2) / count / heads}).unbind(2);
  };
  std::vector<Tensor> all = parts(first, second ? 1 : 3);
  if (second) {
    const std::vector<Tensor> more = parts(*second, 2);
    all.insert(all.end(), more.begin(), more.end());
  }
  return {all[0].transpose(1, 2), all[1].transpose(1, 2), all[2].transpose(1, 2)};
}

/// [B, heads, R, D] -> [B, R, C].
Tensor together(const Tensor& out) { return out.transpose(1, 2).flatten(2); }

/// For meta tensors, whose shapes the library's function does not give. What they see is no matter.
Tensor definition(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& bias) {
  Tensor scores = query.matmul(key.transpose(2, 3));
  if (bias.defined()) scores = scores + bias;
  return scores.softmax(3).matmul(value);
}

/// A bias by rows and columns as further numbers of queries and keys, whose products are divided by
/// `root`. Kernels want a length that divides by 8.
void extend(Tensor& query, Tensor& key, const ScoreBias& bias, const ScoreShape& shape,
            double root) {
  constexpr std::int64_t kMultiple = 8;
  const auto longer = [](const std::vector<Tensor>& parts) {
    const Tensor all = at::cat(parts, 3);
    const std::int64_t missing = (kMultiple - all.size(3) % kMultiple) % kMultiple;
    return missing == 0 ? all : at::constant_pad_nd(all, std::array<std::int64_t, 2>{0, missing});
  };
  const at::ScalarType type = query.scalar_type();
  const Tensor places = keys_as_vectors(bias, shape).to(type).unsqueeze(1);
  query = longer({query, (bias.rows * root).to(type), (bias.columns * root).to(type)});
  key = longer({key, places.expand({shape.images, shape.heads, shape.keys, places.size(3)})});
}

}  // namespace

Tensor library_attention(const Tensor& first, const std::optional<Tensor>& second,
                         std::int64_t heads, const std::optional<Tensor>& visible,
                         const ScoreBias& score_bias, BiasForm form) {
  auto [query, key, value] = heads_of(first, second, heads);
  const ScoreShape shape{query.size(0), heads, query.size(2), key.size(2)};
  const double root = std::sqrt(static_cast<double>(query.size(3)));
  ScoreBias whole = score_bias;
  if (form == BiasForm::in_products && score_bias.rows.defined()) {
    extend(query, key, score_bias, shape, root);
    whole.rows = Tensor();
    whole.columns = Tensor();
  }
  const Tensor full = whole.empty() ? Tensor() : full_bias(whole, shape).to(query.scalar_type());
  if (query.is_meta()) return together(definition(query, key, value, full));
  std::optional<Tensor> mask;
  if (visible) mask = visible->unsqueeze(1).unsqueeze(1);
  if (full.defined()) {
    mask = mask ? at::where(*mask, full, -std::numeric_limits<double>::infinity()) : full;
  }
  return together(at::scaled_dot_product_attention(query, key, value, mask, /*dropout_p=*/0.0,
                                                   /*is_causal=*/false, 1 / root));
}

}  // namespace convmae::ops
