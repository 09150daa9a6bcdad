#include "convmae/ops/attention.h"
#include "convmae/ops/score_bias.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "ops/attention_oracle.h"
#include <optional>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using attention_oracle::expect_close;
using attention_oracle::key_by_key;
using attention_oracle::none;
using attention_oracle::plain;
using attention_oracle::with_gradients;
using ops::ScoreBias;

struct Grid {
  int64_t images;
  int64_t height;
  int64_t width;
  int64_t heads;
  int64_t dim;

  int64_t places() const { return height * width; }
  int64_t channels() const { return heads * dim; }
};

enum class Form { table, decomposed, both };

/// Normally distributed, in whatever type the kernels do not want.
ScoreBias random_bias(const Grid& g, Form form, int64_t queries, at::ScalarType type) {
  const auto leaf = [&](at::IntArrayRef shape) {
    return torch::randn(shape, torch::kDouble).to(type).requires_grad_();
  };
  ScoreBias bias;
  if (form != Form::decomposed) bias.table = leaf({g.heads, 2 * g.height - 1, 2 * g.width - 1});
  if (form != Form::table) {
    bias.rows = leaf({g.images, g.heads, queries, g.height});
    bias.columns = leaf({g.images, g.heads, queries, g.width});
  }
  return bias;
}

at::Tensor exact_leaf(const at::Tensor& x) {
  return x.defined() ? x.detach().to(torch::kDouble).requires_grad_() : x;
}
ScoreBias exact_bias(const ScoreBias& bias) {
  return {exact_leaf(bias.table), exact_leaf(bias.rows), exact_leaf(bias.columns), bias.key_places,
          bias.query_places};
}

void add_leaves(const ScoreBias& bias, std::vector<at::Tensor>& leaves) {
  for (const at::Tensor& x : {bias.table, bias.rows, bias.columns}) {
    if (x.defined()) leaves.push_back(x);
  }
}

std::optional<at::Tensor> some_keys(int64_t images, int64_t keys, bool masked) {
  if (!masked) return std::nullopt;
  const at::Tensor visible = torch::rand({images, keys}) < 0.6;
  visible.select(1, 0).fill_(true);
  return visible;
}

/// Result and all gradients of ours and of the definition.
void check_self(const Grid& g, Form form, at::ScalarType type, at::ScalarType bias_type,
                double tolerance, bool masked) {
  SCOPED_TRACE(testing::Message() << g.images << ' ' << g.height << 'x' << g.width << ' ' << g.heads
                                  << ' ' << g.dim << ' ' << static_cast<int>(form) << ' ' << type
                                  << ' ' << masked);
  torch::manual_seed(4);
  const auto visible = some_keys(g.images, g.places(), masked);
  const at::Tensor qkv = torch::randn({g.images, g.places(), 3 * g.channels()}, torch::kDouble)
                             .to(type)
                             .requires_grad_();
  const ScoreBias bias = random_bias(g, form, g.places(), bias_type);
  const at::Tensor qkv64 = exact_leaf(qkv);
  const ScoreBias bias64 = exact_bias(bias);
  std::vector<at::Tensor> leaves{qkv};
  std::vector<at::Tensor> leaves64{qkv64};
  add_leaves(bias, leaves);
  add_leaves(bias64, leaves64);
  const auto parts = qkv64.chunk(3, 2);
  const auto ours = with_gradients(
      ops::self_attention(qkv, g.heads, none(g.channels(), type), visible, bias), leaves);
  expect_close(ours,
               with_gradients(plain(parts[0], parts[1], parts[2], g.heads, visible,
                                    key_by_key(bias64, g.images, g.places(), g.places())),
                              leaves64),
               tolerance);
  EXPECT_EQ(ours[2].scalar_type(), bias_type);
}

TEST(AttentionBias, AgreesWithTheDefinitionInFloat64) {
  for (const Grid& g : std::vector<Grid>{{1, 1, 1, 1, 1},
                                         {2, 2, 3, 2, 4},
                                         {2, 7, 7, 2, 16},
                                         {1, 1, 17, 1, 5},
                                         {1, 17, 1, 2, 8},
                                         {2, 6, 8, 1, 33},
                                         {1, 3, 33, 2, 16}}) {
    for (const Form form : {Form::table, Form::decomposed, Form::both}) {
      for (const bool masked : {false, true}) {
        check_self(g, form, torch::kDouble, torch::kFloat, 1e-6, masked);
        check_self(g, form, torch::kDouble, torch::kDouble, 1e-12, masked);
        check_self(g, form, torch::kFloat, torch::kFloat, 3e-6, masked);
        check_self(g, form, torch::kBFloat16, torch::kFloat, 1.5e-2, masked);
        check_self(g, form, torch::kBFloat16, torch::kBFloat16, 1.5e-2, masked);
      }
    }
  }
}

TEST(AttentionBias, OfTokensAtGivenPlacesAgreesToo) {
  constexpr int64_t kQueries = 5;
  constexpr int64_t kKeys = 9;
  const Grid g{2, 4, 6, 2, 8};
  const auto places = [&](int64_t n) {
    return torch::rand({g.images, g.places()})
        .argsort(/*dim=*/int64_t{1}, /*descending=*/false)
        .narrow(1, 0, n);
  };
  for (const Form form : {Form::table, Form::decomposed, Form::both}) {
    for (const bool all_keys : {false, true}) {
      for (const bool same : {false, true}) {
        for (const auto& [type, tolerance] :
             {std::pair(torch::kDouble, 1e-12), std::pair(torch::kFloat, 3e-6),
              std::pair(torch::kBFloat16, 1.5e-2)}) {
          SCOPED_TRACE(testing::Message() << static_cast<int>(form) << all_keys << same << type);
          torch::manual_seed(5);
          const int64_t keys = all_keys ? g.places() : kKeys;
          const int64_t queries = same ? keys : kQueries;
          ScoreBias bias = random_bias(g, form, queries, type);
          if (!all_keys) bias.key_places = places(keys);
          if (!same) bias.query_places = places(queries);
          const auto leaf = [&, type = type](at::IntArrayRef shape) {
            return torch::randn(shape, torch::kDouble).to(type).requires_grad_();
          };
          const at::Tensor query = leaf({g.images, queries, g.channels()});
          const at::Tensor both = leaf({g.images, keys, 2 * g.channels()});
          const auto visible = some_keys(g.images, keys, same);
          const ScoreBias bias64 = exact_bias(bias);
          std::vector<at::Tensor> leaves{query, both};
          std::vector<at::Tensor> leaves64{exact_leaf(query), exact_leaf(both)};
          const auto parts = leaves64[1].chunk(2, 2);
          const at::Tensor exact = plain(leaves64[0], parts[0], parts[1], g.heads, visible,
                                         key_by_key(bias64, g.images, queries, keys));
          add_leaves(bias, leaves);
          add_leaves(bias64, leaves64);
          expect_close(with_gradients(ops::cross_attention(query, both, g.heads,
                                                           none(g.channels(), type), visible, bias),
                                      leaves),
                       with_gradients(exact, leaves64), tolerance);
        }
      }
    }
  }
}

TEST(AttentionBias, GradientsAreThoseOfItsValues) {
  torch::manual_seed(6);
  const Grid g{1, 2, 3, 2, 2};
  const at::Tensor qkv = torch::randn({1, 6, 12}, torch::kDouble).requires_grad_();
  const ScoreBias bias = random_bias(g, Form::both, g.places(), torch::kDouble);
  const at::Tensor weight = torch::randn({1, 6, 4}, torch::kDouble);
  const auto loss = [&] {
    return (ops::self_attention(qkv, 2, none(4, torch::kDouble), std::nullopt, bias) * weight)
        .sum();
  };
  loss().backward();
  constexpr double kStep = 1e-6;
  std::vector<at::Tensor> leaves{qkv};
  add_leaves(bias, leaves);
  for (const at::Tensor& leaf : leaves) {
    const at::NoGradGuard no_grad;
    for (int64_t i = 0; i < leaf.numel(); ++i) {
      at::Tensor number = leaf.view(-1)[i];
      number += kStep;
      const auto above = loss().item<double>();
      number -= 2 * kStep;
      const auto below = loss().item<double>();
      number += kStep;
      EXPECT_NEAR(leaf.grad().view(-1)[i].item<double>(), (above - below) / (2 * kStep), 1e-8) << i;
    }
  }
}

TEST(AttentionBias, InFullIsWhatEachKeyGets) {
  torch::manual_seed(7);
  const Grid g{2, 3, 4, 2, 1};
  ScoreBias bias = random_bias(g, Form::both, g.places(), torch::kDouble);
  EXPECT_TRUE(torch::equal(ops::full_bias(bias, {2, 2, 12, 12}), key_by_key(bias, 2, 12, 12)));
  bias.key_places = torch::tensor({{11, 0, 5}, {2, 3, 7}});
  bias.query_places = torch::tensor({{1, 2}, {9, 10}});
  bias.rows = bias.rows.narrow(2, 0, 2);
  bias.columns = bias.columns.narrow(2, 0, 2);
  EXPECT_TRUE(torch::equal(ops::full_bias(bias, {2, 2, 2, 3}), key_by_key(bias, 2, 2, 3)));
}

TEST(AttentionBias, TheLibraryGivesTheSameWhereWeHaveNoKernel) {
  torch::manual_seed(8);
  const Grid g{2, 3, 4, 2, 4};
  const at::Tensor qkv = torch::randn({2, 12, 24}).to(torch::kHalf);
  const auto visible = some_keys(2, 12, true);
  const ScoreBias bias = random_bias(g, Form::both, g.places(), torch::kFloat);
  const auto in = [&](at::ScalarType type) {
    return ops::self_attention(qkv.to(type), 2, none(8, type), visible, bias).to(torch::kDouble);
  };
  EXPECT_TRUE(torch::allclose(in(torch::kHalf), in(torch::kDouble), 5e-3, 5e-3));
}

TEST(AttentionBias, IsTheSameForAnyNumberOfThreads) {
  torch::manual_seed(10);
  const int before = at::get_num_threads();
  const Grid g{5, 7, 9, 3, 16};
  const at::Tensor qkv = torch::randn({g.images, g.places(), 3 * g.channels()}).requires_grad_();
  const ScoreBias bias = random_bias(g, Form::both, g.places(), torch::kFloat);
  const auto run = [&](int threads) {
    at::set_num_threads(threads);
    const at::Tensor out =
        ops::self_attention(qkv, g.heads, none(g.channels()), std::nullopt, bias);
    auto all =
        torch::autograd::grad({out.square().sum()}, {qkv, bias.table, bias.rows, bias.columns});
    all.push_back(out.detach());
    return all;
  };
  const auto one = run(1);
  const auto three = run(3);
  at::set_num_threads(before);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(torch::equal(one[i], three[i])) << i;
}

TEST(AttentionBias, GivesGradientsOnlyWhereTheyAreWanted) {
  const at::Tensor qkv = torch::randn({2, 6, 12});
  for (const bool table_only : {false, true}) {
    ScoreBias bias = random_bias({2, 2, 3, 1, 4}, Form::both, 6, torch::kFloat);
    bias.table = bias.table.detach().requires_grad_(table_only);
    bias.rows = bias.rows.detach().requires_grad_(!table_only);
    bias.columns = bias.columns.detach();
    ops::self_attention(qkv, 1, none(4), std::nullopt, bias).square().sum().backward();
    EXPECT_EQ(bias.table.grad().defined(), table_only);
    EXPECT_EQ(bias.rows.grad().defined(), !table_only);
    EXPECT_FALSE(bias.columns.grad().defined());
  }
}

TEST(AttentionBias, TakesEmptyBatches) {
  const ScoreBias bias = random_bias({0, 2, 3, 1, 4}, Form::both, 6, torch::kFloat);
  const at::Tensor qkv = torch::randn({0, 6, 12}).requires_grad_();
  const at::Tensor out = ops::self_attention(qkv, 1, none(4), std::nullopt, bias);
  EXPECT_EQ(out.sizes(), (std::vector<int64_t>{0, 6, 4}));
  out.sum().backward();
  EXPECT_TRUE(torch::equal(bias.table.grad(), torch::zeros({1, 3, 5})));
  EXPECT_EQ(bias.rows.grad().sizes(), bias.rows.sizes());
}

TEST(AttentionBias, RefusesShapesThatDoNotFit) {
  const at::Tensor qkv = torch::randn({1, 6, 24});
  const auto refuses = [&](const ScoreBias& bias) {
    EXPECT_THROW(ops::self_attention(qkv, 2, none(8), std::nullopt, bias), c10::Error);
  };
  refuses({.table = torch::zeros({3, 3, 5})});
  refuses({.table = torch::zeros({2, 3, 6})});
  refuses({.table = torch::zeros({2, 3, 3})});
  refuses({.table = torch::zeros({2, 15})});
  refuses({.table = torch::zeros({2, 3, 5}, torch::kLong)});
  refuses({.rows = torch::zeros({1, 2, 6, 2})});
  refuses({.table = torch::zeros({2, 3, 5}), .columns = torch::zeros({1, 2, 6, 3})});
  refuses({.rows = torch::zeros({1, 2, 6, 2}), .columns = torch::zeros({1, 2, 5, 3})});
  refuses({.table = torch::zeros({2, 3, 5}), .key_places = torch::zeros({1, 5}, torch::kLong)});
  for (const int64_t place : {-1, 6}) {
    refuses(
        {.table = torch::zeros({2, 3, 5}), .key_places = torch::full({1, 6}, place, torch::kLong)});
    refuses({.table = torch::zeros({2, 3, 5}),
             .query_places = torch::full({1, 6}, place, torch::kLong)});
  }
  // Where four queries lie among six keys cannot be guessed.
  EXPECT_THROW(ops::cross_attention(torch::randn({1, 4, 8}), torch::randn({1, 6, 16}), 2, none(8),
                                    std::nullopt, {.table = torch::zeros({2, 3, 5})}),
               c10::Error);
}

}  // namespace
}  // namespace convmae
