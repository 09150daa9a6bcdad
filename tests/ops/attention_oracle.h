#pragma once

#include "convmae/ops/attention.h"
#include "convmae/ops/score_bias.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

/// Attention as it is defined, and how ours is compared with it.
namespace convmae::attention_oracle {

/// The definition, in the type of its operands. `bias`, if defined, is [B or 1, heads, R, N].
inline at::Tensor plain(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                        int64_t heads, const std::optional<at::Tensor>& visible,
                        const at::Tensor& bias = {}) {
  const auto split = [heads](const at::Tensor& x) {
    return x.unflatten(2, {heads, x.size(2) / heads}).transpose(1, 2);
  };
  const int64_t dim = query.size(2) / heads;
  at::Tensor scores =
      split(query).matmul(split(key).transpose(2, 3)) / std::sqrt(static_cast<double>(dim));
  if (bias.defined()) scores = scores + bias;
  if (visible) {
    scores = scores.masked_fill(visible->logical_not().unsqueeze(1).unsqueeze(1),
                                -std::numeric_limits<double>::infinity());
  }
  return scores.softmax(3).matmul(split(value)).transpose(1, 2).flatten(2);
}

/// The bias in full, key by key: [B, heads, R, N].
inline at::Tensor key_by_key(const ops::ScoreBias& bias, int64_t images, int64_t queries,
                             int64_t keys) {
  const auto [height, width] = bias.grid();
  const auto place = [](const at::Tensor& places, int64_t tokens, int64_t image, int64_t i) {
    return places.defined() ? places.contiguous().const_data_ptr<int64_t>()[image * tokens + i] : i;
  };
  std::vector<int64_t> y_of_keys;
  std::vector<int64_t> x_of_keys;
  std::vector<int64_t> y_in_table;
  std::vector<int64_t> x_in_table;
  for (int64_t image = 0; image < images; ++image) {
    for (int64_t k = 0; k < keys; ++k) {
      y_of_keys.push_back(place(bias.key_places, keys, image, k) / width);
      x_of_keys.push_back(place(bias.key_places, keys, image, k) % width);
    }
    for (int64_t q = 0; q < queries; ++q) {
      const int64_t query = place(bias.places_of_queries(), queries, image, q);
      for (int64_t k = 0; k < keys; ++k) {
        const int64_t key = place(bias.key_places, keys, image, k);
        y_in_table.push_back(query / width - key / width + height - 1);
        x_in_table.push_back(query % width - key % width + width - 1);
      }
    }
  }
  const auto index = [](const std::vector<int64_t>& numbers, at::IntArrayRef shape) {
    return torch::tensor(numbers).view(shape);
  };
  const at::Tensor key_rows = index(y_of_keys, {images, keys});
  const at::Tensor key_columns = index(x_of_keys, {images, keys});
  at::Tensor sum = torch::zeros({1, 1, 1, 1}, torch::kDouble);
  using at::indexing::Slice;
  if (bias.table.defined()) {
    sum = sum + bias.table
                    .index({Slice(), index(y_in_table, {images, queries, keys}),
                            index(x_in_table, {images, queries, keys})})
                    .transpose(0, 1);
  }
  if (bias.rows.defined()) {
    std::vector<at::Tensor> all;
    all.reserve(static_cast<size_t>(images));
    for (int64_t image = 0; image < images; ++image) {
      all.push_back(bias.rows[image].index({Slice(), Slice(), key_rows[image]}) +
                    bias.columns[image].index({Slice(), Slice(), key_columns[image]}));
    }
    sum = sum + torch::stack(all);
  }
  return sum;
}

/// A projection that changes nothing.
inline ops::Projection none(int64_t width, at::ScalarType type = torch::kFloat) {
  return {torch::eye(width, type), torch::zeros({width}, type)};
}

inline std::vector<at::Tensor> with_gradients(const at::Tensor& out,
                                              const std::vector<at::Tensor>& leaves) {
  torch::manual_seed(1);
  const at::Tensor weight = torch::randn(out.sizes(), torch::kDouble);
  (out.to(torch::kDouble) * weight).sum().backward();
  std::vector<at::Tensor> all{out.detach()};
  for (const at::Tensor& leaf : leaves) all.push_back(leaf.grad());
  return all;
}

inline void expect_close(const std::vector<at::Tensor>& ours,
                         const std::vector<at::Tensor>& expected, double tolerance) {
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(ours[i].sizes(), expected[i].sizes());
    // Gradients of a single key are differences of numbers of order 1.
    const auto scale = expected[i].abs().max().clamp_min(1).item<double>();
    EXPECT_LE((ours[i].to(torch::kDouble) - expected[i]).abs().max().item<double>(),
              tolerance * scale)
        << i;
  }
}

}  // namespace convmae::attention_oracle
