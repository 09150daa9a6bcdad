#include "convmae/ops/attention.h"

#include <gtest/gtest.h>
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

using attention_oracle::expect_close;
using attention_oracle::none;
using attention_oracle::plain;
using attention_oracle::with_gradients;

struct Case {
  int64_t images;
  int64_t queries;
  int64_t keys;
  int64_t heads;
  int64_t dim;
};

void check(const Case& c, at::ScalarType type, double tolerance, bool masked) {
  SCOPED_TRACE(testing::Message() << c.images << ' ' << c.queries << ' ' << c.keys << ' ' << c.heads
                                  << ' ' << c.dim << ' ' << type << ' ' << masked);
  const int64_t width = c.heads * c.dim;
  torch::manual_seed(0);
  std::optional<at::Tensor> visible;
  if (masked) {
    visible = torch::rand({c.images, c.keys}) < 0.6;
    visible->select(1, 0).fill_(true);
  }
  const auto leaf = [&](const std::vector<int64_t>& shape) {
    return (2 * torch::randn(shape, torch::kDouble)).to(type).requires_grad_();
  };
  const auto exact = [](const at::Tensor& x) {
    return x.detach().to(torch::kDouble).requires_grad_();
  };
  const at::Tensor query = leaf({c.images, c.queries, width});
  const at::Tensor both = leaf({c.images, c.keys, 2 * width});
  const at::Tensor weight = leaf({3, width});
  const at::Tensor bias = leaf({3});
  const at::Tensor query64 = exact(query);
  const at::Tensor both64 = exact(both);
  const at::Tensor weight64 = exact(weight);
  const at::Tensor bias64 = exact(bias);
  const auto parts = both64.chunk(2, 2);
  expect_close(with_gradients(ops::cross_attention(query, both, c.heads, {weight, bias}, visible),
                              {query, both, weight, bias}),
               with_gradients(torch::linear(plain(query64, parts[0], parts[1], c.heads, visible),
                                            weight64, bias64),
                              {query64, both64, weight64, bias64}),
               tolerance);

  const at::Tensor qkv = leaf({c.images, c.keys, 3 * width});
  const at::Tensor qkv64 = exact(qkv);
  const auto three = qkv64.chunk(3, 2);
  const ops::Projection same{torch::eye(width, type), torch::zeros({width}, type)};
  expect_close(with_gradients(ops::self_attention(qkv, c.heads, same, visible), {qkv}),
               with_gradients(plain(three[0], three[1], three[2], c.heads, visible), {qkv64}),
               tolerance);
}

TEST(Attention, AgreesWithTheDefinitionInFloat64) {
  const std::vector<Case> cases{{1, 1, 1, 1, 1},    {2, 3, 5, 2, 4},     {1, 49, 49, 3, 64},
                                {2, 7, 50, 1, 33},  {1, 97, 197, 2, 32}, {1, 2, 130, 4, 20},
                                {3, 48, 16, 2, 16}, {1, 49, 200, 1, 80}};
  for (const Case& c : cases) {
    for (const bool masked : {false, true}) {
      check(c, torch::kDouble, 1e-12, masked);
      check(c, torch::kFloat, 3e-6, masked);
      check(c, torch::kBFloat16, 1e-2, masked);
    }
  }
}

TEST(Attention, GradientsAreThoseOfItsValues) {
  torch::manual_seed(2);
  const at::Tensor qkv = torch::randn({1, 4, 12}, torch::kDouble).requires_grad_();
  const at::Tensor weight = torch::randn({1, 4, 4}, torch::kDouble);
  const auto loss = [&](const at::Tensor& x) {
    return (ops::self_attention(
                x, 2, {torch::eye(4, torch::kDouble), torch::zeros({4}, torch::kDouble)}) *
            weight)
        .sum();
  };
  loss(qkv).backward();
  constexpr double kStep = 1e-6;
  for (int64_t i = 0; i < qkv.numel(); ++i) {
    at::Tensor moved = qkv.detach().clone();
    moved.view(-1)[i] += kStep;
    const auto above = loss(moved).item<double>();
    moved.view(-1)[i] -= 2 * kStep;
    const auto below = loss(moved).item<double>();
    EXPECT_NEAR(qkv.grad().view(-1)[i].item<double>(), (above - below) / (2 * kStep), 1e-8) << i;
  }
}

TEST(Attention, DoesNotOverflowOnLargeScores) {
  const at::Tensor qkv = (torch::randn({1, 20, 48}) * 1e3).requires_grad_();
  const at::Tensor out = ops::self_attention(qkv, 1, none(16));
  out.sum().backward();
  EXPECT_TRUE(out.isfinite().all().item<bool>());
  EXPECT_TRUE(qkv.grad().isfinite().all().item<bool>());
}

TEST(Attention, NotANumberAndInfinityArrive) {
  torch::manual_seed(3);
  for (const Case& c : std::vector<Case>{{1, 2, 3, 1, 3}, {1, 49, 17, 2, 16}, {2, 5, 50, 1, 33}}) {
    const int64_t width = c.heads * c.dim;
    const std::vector<at::Tensor> numbers{not_finite::coarse({c.images, c.queries, width}),
                                          not_finite::coarse({c.images, c.keys, 2 * width}),
                                          not_finite::coarse({3, width}), not_finite::coarse({3}),
                                          not_finite::coarse({c.images, c.queries, 3})};
    const auto ours = [&](const auto& l) {
      return ops::cross_attention(l[0], l[1], c.heads, {l[2], l[3]});
    };
    const auto exact = [&](const auto& l) {
      const auto parts = l[1].chunk(2, 2);
      return torch::linear(plain(l[0], parts[0], parts[1], c.heads, std::nullopt), l[2], l[3]);
    };
    for (const auto& [type, tolerance] :
         {std::pair(torch::kDouble, 1e-12), std::pair(torch::kFloat, 1e-5),
          std::pair(torch::kBFloat16, 3e-2)}) {
      not_finite::expect_arrives(ours, exact, numbers, type, tolerance, c.images * c.queries + 7);
    }
  }
}

TEST(Attention, ANanOfAKeyIsOneEverywhere) {
  for (const at::ScalarType type : {torch::kDouble, torch::kFloat, torch::kBFloat16}) {
    const at::Tensor query = torch::randn({1, 60, 32}).to(type);
    for (const int64_t keys : {1, 7, 16, 50}) {
      for (int64_t key = 0; key < keys; ++key) {
        const at::Tensor key_value = torch::randn({1, keys, 64}).to(type);
        key_value[0][key][5] = std::numeric_limits<double>::quiet_NaN();
        const at::Tensor out = ops::cross_attention(query, key_value, 1, none(32));
        EXPECT_TRUE(out.isnan().all().item<bool>()) << type << ' ' << keys << ' ' << key;
      }
    }
  }
}

TEST(Attention, KeysOfInfiniteDistanceLeaveNothingToDivideBy) {
  for (const at::ScalarType type : {torch::kDouble, torch::kFloat, torch::kBFloat16}) {
    const at::Tensor qkv = torch::ones({1, 4, 12}, type);
    qkv.narrow(2, 4, 4).fill_(-std::numeric_limits<double>::infinity());
    EXPECT_TRUE(ops::self_attention(qkv, 1, none(4)).isnan().all().item<bool>()) << type;
  }
}

TEST(Attention, WhatIsNotVisibleMayBeAnything) {
  for (const at::ScalarType type : {torch::kDouble, torch::kFloat, torch::kBFloat16}) {
    for (const double value : {std::numeric_limits<double>::quiet_NaN(),
                               std::numeric_limits<double>::infinity(), 3e38}) {
      const at::Tensor kept = torch::arange(0, 37, 2);
      const at::Tensor visible = torch::zeros({1, 37}, torch::kBool).index_fill_(1, kept, true);
      const at::Tensor query = not_finite::coarse({1, 50, 32}).to(type).requires_grad_();
      const at::Tensor seen = not_finite::coarse({1, 19, 64}).to(type).requires_grad_();
      const at::Tensor all =
          torch::full({1, 37, 64}, value, type).index_copy_(1, kept, seen.detach());
      all.requires_grad_();
      const auto ours =
          with_gradients(ops::cross_attention(query, all, 2, none(32), visible), {query, all});
      query.mutable_grad() = at::Tensor();
      const auto expected =
          with_gradients(ops::cross_attention(query, seen, 2, none(32)), {query, seen});
      const double tolerance = type == torch::kBFloat16 ? 3e-2 : 1e-5;
      EXPECT_TRUE(torch::allclose(ours[0], expected[0], tolerance, tolerance)) << type << value;
      EXPECT_TRUE(torch::allclose(ours[1], expected[1], tolerance, tolerance)) << type << value;
      EXPECT_TRUE(torch::allclose(ours[2].index_select(1, kept), expected[2], tolerance, tolerance))
          << type << value;
      EXPECT_EQ(ours[2].index_select(1, torch::arange(1, 37, 2)).count_nonzero().item<int64_t>(),
                0);
    }
  }
}

TEST(Attention, GivesZerosWhereNothingMayBeSeen) {
  const at::Tensor qkv = torch::randn({2, 5, 12}).requires_grad_();
  const at::Tensor visible = torch::ones({2, 5}, torch::kBool);
  visible[1].fill_(false);
  const at::Tensor out = ops::self_attention(qkv, 2, none(4), visible);
  out.sum().backward();
  EXPECT_TRUE((out[1] == 0).all().item<bool>());
  EXPECT_TRUE((qkv.grad()[1] == 0).all().item<bool>());
  EXPECT_TRUE((out[0] != 0).all().item<bool>());
}

TEST(Attention, ReadsKeysThatAreNotVisibleNowhere) {
  const at::Tensor visible = torch::tensor({{true, false, true}});
  const at::Tensor key_value = torch::randn({1, 3, 16});
  const at::Tensor query = torch::randn({1, 2, 8});
  const at::Tensor out = ops::cross_attention(query, key_value, 2, none(8), visible);
  key_value[0][1].fill_(7);
  EXPECT_TRUE(torch::equal(out, ops::cross_attention(query, key_value, 2, none(8), visible)));
}

TEST(Attention, IsTheSameForAnyNumberOfThreads) {
  const int before = at::get_num_threads();
  const at::Tensor input = torch::randn({3, 61, 144});
  const auto run = [&](int threads) {
    at::set_num_threads(threads);
    const at::Tensor qkv = input.clone().requires_grad_();
    const at::Tensor out = ops::self_attention(qkv, 3, none(48));
    (out * out).sum().backward();
    return std::make_tuple(out.detach(), qkv.grad());
  };
  const auto [out, grad] = run(1);
  const auto [out2, grad2] = run(2);
  at::set_num_threads(before);
  EXPECT_TRUE(torch::equal(out, out2));
  EXPECT_TRUE(torch::equal(grad, grad2));
}

TEST(Attention, TakesEmptyBatches) {
  const at::Tensor qkv = torch::randn({0, 5, 12}).requires_grad_();
  const at::Tensor out = ops::self_attention(qkv, 2, none(4));
  out.sum().backward();
  EXPECT_EQ(out.sizes(), (std::vector<int64_t>{0, 5, 4}));
  EXPECT_EQ(qkv.grad().sizes(), qkv.sizes());
}

TEST(Attention, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(ops::self_attention(torch::randn({1, 5, 10}), 2, none(4)), c10::Error);
  EXPECT_THROW(ops::self_attention(torch::randn({1, 5, 9}), 2, none(3)), c10::Error);
  EXPECT_THROW(ops::self_attention(torch::randn({1, 5, 12}), 2, none(5)), c10::Error);
  EXPECT_THROW(ops::cross_attention(torch::randn({1, 5, 8}), torch::randn({1, 5, 8}), 2, none(8)),
               c10::Error);
}

}  // namespace
}  // namespace convmae
