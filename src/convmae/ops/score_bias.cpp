#include "convmae/ops/score_bias.h"

#include <ATen/TensorIndexing.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>

namespace convmae::ops {
namespace {

using at::Tensor;

void check_places(const Tensor& places, std::int64_t images, std::int64_t tokens,
                  const BiasGrid& grid, const char* name) {
  TORCH_CHECK(
      places.scalar_type() == at::kLong && places.sizes() == at::IntArrayRef({images, tokens}),
      "attention: ", name, " must be int64 [", images, ", ", tokens, "], found ",
      places.scalar_type(), " ", places.sizes());
  // Elsewhere the library looks.
  if (!places.device().is_cpu() || places.numel() == 0) return;
  const auto smallest = places.min().item<std::int64_t>();
  const auto largest = places.max().item<std::int64_t>();
  TORCH_CHECK(smallest >= 0 && largest < grid.height * grid.width, "attention: ", name, " from ",
              smallest, " to ", largest, " are not all in a grid of ", grid.height, " x ",
              grid.width);
}

bool is_bias(const Tensor& x, at::IntArrayRef sizes) {
  return x.is_floating_point() && x.sizes() == sizes;
}

/// Places as [B or 1, tokens].
Tensor places_of(const Tensor& places, std::int64_t tokens, const Tensor& like) {
  return places.defined() ? places
                          : at::arange(tokens, like.options().dtype(at::kLong).requires_grad(false))
                                .unsqueeze(0);
}

}  // namespace

BiasGrid ScoreBias::grid() const {
  if (table.defined()) return {(table.size(1) + 1) / 2, (table.size(2) + 1) / 2};
  return {rows.size(3), columns.size(3)};
}

void check(const ScoreBias& bias, const ScoreShape& scores) {
  TORCH_CHECK(
      bias.rows.defined() == bias.columns.defined() &&
          (!bias.rows.defined() || (bias.rows.dim() == 4 && bias.columns.dim() == 4)),
      "attention: biases by row [B, heads, R, h] and by column [B, heads, R, w] go together");
  TORCH_CHECK(!bias.table.defined() || bias.table.dim() == 3,
              "attention: a table of biases must be [heads, 2h-1, 2w-1], found ",
              bias.table.sizes());
  const BiasGrid grid = bias.grid();
  TORCH_CHECK(!bias.table.defined() ||
                  is_bias(bias.table, {scores.heads, 2 * grid.height - 1, 2 * grid.width - 1}),
              "attention: a table of biases must be [", scores.heads, ", 2h-1, 2w-1], found ",
              bias.table.scalar_type(), " ", bias.table.sizes());
  if (bias.rows.defined()) {
    TORCH_CHECK(
        is_bias(bias.rows, {scores.images, scores.heads, scores.queries, grid.height}) &&
            is_bias(bias.columns, {scores.images, scores.heads, scores.queries, grid.width}),
        "attention: biases by row and by column must be [", scores.images, ", ", scores.heads, ", ",
        scores.queries, ", ", grid.height, " and ", grid.width, "], found ", bias.rows.sizes(),
        " and ", bias.columns.sizes());
  }
  if (bias.key_places.defined()) {
    check_places(bias.key_places, scores.images, scores.keys, grid, "key_places");
  } else {
    TORCH_CHECK(scores.keys == grid.height * grid.width, "attention: a bias for ", grid.height,
                " x ", grid.width, " keys, and ", scores.keys, " of them without places");
  }
  if (bias.query_places.defined()) {
    check_places(bias.query_places, scores.images, scores.queries, grid, "query_places");
  } else {
    // Rows and columns do not ask where a query lies.
    TORCH_CHECK(!bias.table.defined() || scores.queries == scores.keys,
                "attention: ", scores.queries, " queries without places cannot lie where ",
                scores.keys, " keys do");
  }
}

Tensor full_bias(const ScoreBias& bias, const ScoreShape& scores) {
  const BiasGrid grid = bias.grid();
  const Tensor& like = bias.table.defined() ? bias.table : bias.rows;
  const Tensor keys = places_of(bias.key_places, scores.keys, like);
  Tensor sum;
  if (bias.table.defined()) {
    const Tensor queries = bias.query_places.defined() ? bias.query_places : keys;
    const auto distance = [&](const Tensor& from, const Tensor& to) {
      return from.unsqueeze(2) - to.unsqueeze(1);
    };
    const auto row_of = [&](const Tensor& place) { return place.div(grid.width, "floor"); };
    const auto column_of = [&](const Tensor& place) { return place.remainder(grid.width); };
    const Tensor index =
        (distance(row_of(queries), row_of(keys)) + (grid.height - 1)) * (2 * grid.width - 1) +
        distance(column_of(queries), column_of(keys)) + (grid.width - 1);
    // Not gather, nor index_select: this one's gradient is the same bits every time, on a GPU too.
    sum = bias.table.flatten(1).index({at::indexing::Slice(), index}).transpose(0, 1);
  }
  if (bias.rows.defined()) {
    const auto of_keys = [&](const Tensor& x, const Tensor& index) {
      return x.gather(3, index.unsqueeze(1).unsqueeze(1).expand(
                             {scores.images, scores.heads, scores.queries, scores.keys}));
    };
    const Tensor decomposed = of_keys(bias.rows, keys.div(grid.width, "floor")) +
                              of_keys(bias.columns, keys.remainder(grid.width));
    sum = sum.defined() ? sum + decomposed : decomposed;
  }
  return sum;
}

Tensor keys_as_vectors(const ScoreBias& bias, const ScoreShape& scores) {
  const BiasGrid grid = bias.grid();
  const Tensor keys = places_of(bias.key_places, scores.keys, bias.rows).unsqueeze(2);
  const auto is_one_of = [&](const Tensor& number, std::int64_t count) {
    return number == at::arange(count, number.options());
  };
  return at::cat({is_one_of(keys.div(grid.width, "floor"), grid.height),
                  is_one_of(keys.remainder(grid.width), grid.width)},
                 2);
}

}  // namespace convmae::ops
