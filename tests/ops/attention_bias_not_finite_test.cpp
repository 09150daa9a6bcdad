#include "convmae/ops/attention.h"
#include "convmae/ops/score_bias.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "ops/attention_oracle.h"
#include "support/not_finite.h"
#include <limits>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using attention_oracle::key_by_key;
using attention_oracle::none;
using attention_oracle::plain;
using ops::ScoreBias;

constexpr double kInfinite = std::numeric_limits<double>::infinity();

TEST(AttentionBiasNotFinite, MinusInfinityHidesAKey) {
  // Only keys in the row of the query, and in the one below it.
  const at::Tensor table = torch::full({2, 5, 7}, -kInfinite);
  table.narrow(1, 1, 2).fill_(0);
  table.requires_grad_();
  for (const at::ScalarType type : {torch::kDouble, torch::kFloat, torch::kBFloat16}) {
    const at::Tensor qkv = not_finite::coarse({1, 12, 24}).to(type).requires_grad_();
    const at::Tensor out =
        ops::self_attention(qkv, 2, none(8, type), std::nullopt, {.table = table});
    const at::Tensor row_of = torch::arange(12).floor_divide(4);
    for (int64_t y = 0; y < 3; ++y) {
      const at::Tensor visible = ((row_of == y) | (row_of == y + 1)).unsqueeze(0);
      EXPECT_TRUE(torch::allclose(
          out.narrow(1, 4 * y, 4),
          ops::self_attention(qkv, 2, none(8, type), visible).narrow(1, 4 * y, 4), 1e-5, 1e-6))
          << type << y;
    }
    const auto grads = torch::autograd::grad({out.sum()}, {qkv, table});
    EXPECT_TRUE(grads[0].isfinite().all().item<bool>()) << type;
    EXPECT_EQ(grads[1].masked_select(table.isinf()).count_nonzero().item<int64_t>(), 0) << type;
  }
}

TEST(AttentionBiasNotFinite, HidingAllKeysLeavesNothingToDivideBy) {
  for (const at::ScalarType type : {torch::kDouble, torch::kFloat, torch::kBFloat16}) {
    const ScoreBias bias{.table = torch::full({1, 3, 3}, -kInfinite)};
    const at::Tensor qkv = torch::ones({1, 4, 12}, type);
    EXPECT_TRUE(
        ops::self_attention(qkv, 1, none(4, type), std::nullopt, bias).isnan().all().item<bool>())
        << type;
    // That nothing may be seen is no fault of the bias.
    EXPECT_EQ(ops::self_attention(qkv, 1, none(4, type), torch::zeros({1, 4}, torch::kBool), bias)
                  .count_nonzero()
                  .item<int64_t>(),
              0)
        << type;
  }
}

TEST(AttentionBiasNotFinite, NotANumberAndInfinityArrive) {
  torch::manual_seed(9);
  constexpr int64_t kHeads = 2;
  using Sizes = std::tuple<int64_t, int64_t, int64_t>;
  for (const auto& [height, width, dim] : {Sizes(2, 3, 4), Sizes(5, 4, 16), Sizes(2, 17, 16)}) {
    const int64_t tokens = height * width;
    const std::vector<at::Tensor> numbers{
        not_finite::coarse({1, tokens, 3 * kHeads * dim}),
        not_finite::coarse({kHeads, 2 * height - 1, 2 * width - 1}),
        not_finite::coarse({1, kHeads, tokens, height}),
        not_finite::coarse({1, kHeads, tokens, width}),
        not_finite::coarse({1, tokens, kHeads * dim})};
    const auto ours = [&, dim = dim](const auto& l) {
      return ops::self_attention(l[0], kHeads, none(kHeads * dim, l[0].scalar_type()), std::nullopt,
                                 {.table = l[1], .rows = l[2], .columns = l[3]});
    };
    // The projection's zeros spread what is not finite over the channels.
    const auto exact = [&, width = kHeads * dim](const auto& l) {
      const auto parts = l[0].chunk(3, 2);
      const at::Tensor bias =
          key_by_key({.table = l[1], .rows = l[2], .columns = l[3]}, 1, tokens, tokens);
      return torch::linear(plain(parts[0], parts[1], parts[2], kHeads, std::nullopt, bias),
                           torch::eye(width, torch::kDouble));
    };
    for (const auto& [type, tolerance] :
         {std::pair(torch::kDouble, 1e-12), std::pair(torch::kFloat, 1e-5),
          std::pair(torch::kBFloat16, 3e-2)}) {
      not_finite::expect_arrives(ours, exact, numbers, type, tolerance, 149);
    }
  }
}

TEST(AttentionBiasNotFinite, ANanWithAnyBitsIsOneEverywhere) {
  // The lowest bits of a float32 are lost in bfloat16, and reach the softmax from a table.
  const at::Tensor table = torch::full({1, 7, 7}, 0x7FFFFFFF, torch::kInt).view(torch::kFloat);
  for (const at::ScalarType type : {torch::kDouble, torch::kFloat, torch::kBFloat16}) {
    const at::Tensor qkv = torch::randn({1, 16, 48}).to(type);
    EXPECT_TRUE(ops::self_attention(qkv, 1, none(16, type), std::nullopt, {.table = table})
                    .isnan()
                    .all()
                    .item<bool>())
        << type;
  }
}

TEST(AttentionBiasNotFinite, OfKeysThatAreNotVisibleMayBeAnything) {
  const at::Tensor visible = torch::tensor({{true, false, true, false, true, false}});
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), kInfinite, 3e38}) {
    const at::Tensor qkv = torch::randn({1, 6, 24});
    const at::Tensor rows = torch::randn({1, 2, 6, 1});
    const at::Tensor columns = torch::randn({1, 2, 6, 6});
    const auto run = [&] {
      return ops::self_attention(qkv, 2, none(8), visible, {.rows = rows, .columns = columns});
    };
    const at::Tensor expected = run();
    columns.index_fill_(3, torch::tensor({1, 3, 5}), value);
    EXPECT_TRUE(torch::equal(run(), expected)) << value;
  }
}

TEST(AttentionBiasNotFinite, DoesNotOverflowWhereScoresAreLarge) {
  // The largest of scores and biases together is neither the largest score nor the largest bias.
  const at::Tensor table = (torch::randn({1, 7, 9}) * 1e3).requires_grad_();
  const at::Tensor qkv = (torch::randn({1, 20, 48}) * 20).requires_grad_();
  const at::Tensor out = ops::self_attention(qkv, 1, none(16), std::nullopt, {.table = table});
  out.square().sum().backward();
  for (const at::Tensor& x : {out, qkv.grad(), table.grad()}) {
    EXPECT_TRUE(x.isfinite().all().item<bool>());
  }
}

}  // namespace
}  // namespace convmae
