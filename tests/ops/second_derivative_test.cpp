#include "convmae/ops/attention.h"
#include "convmae/ops/layer_norm.h"
#include "convmae/ops/linear.h"
#include "convmae/ops/masked_depthwise_conv2d.h"
#include "convmae/ops/mlp.h"
#include "convmae/ops/roi_align.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <functional>
#include <string>

namespace convmae {
namespace {

/// The first derivative is there, and one that could be derived again is refused by name.
void expect_one_derivative(const std::string& name, const at::Tensor& x,
                           const std::function<at::Tensor()>& function) {
  EXPECT_TRUE(torch::autograd::grad({function().square().sum()}, {x})[0].defined());
  const at::Tensor loss = function().square().sum();
  try {
    torch::autograd::grad({loss}, {x}, {}, /*retain_graph=*/true, /*create_graph=*/true);
    ADD_FAILURE() << name;
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what_without_backtrace(),
                testing::StartsWith(name + ": second derivatives are not implemented"));
  }
}

TEST(SecondDerivative, IsRefusedByTheOperatorThatHasNone) {
  for (const auto type : {torch::kDouble, torch::kFloat, torch::kBFloat16}) {
    const at::Tensor x = torch::randn({1, 4, 12}, type).requires_grad_();
    const at::Tensor weight = torch::randn({4, 12}, type);
    const at::Tensor square = torch::randn({12, 12}, type);
    const at::Tensor bias = torch::randn({4}, type);
    const at::Tensor ones = torch::ones({12}, type);
    const ops::Projection projection{torch::eye(4, type), bias};
    expect_one_derivative("linear", x, [&] { return ops::linear(x, weight, bias); });
    expect_one_derivative("linear", x, [&] {
      return ops::linear(x, weight, bias, ops::Norm{ones, ones, 1e-6});
    });
    expect_one_derivative("mlp", x, [&] { return ops::mlp(x, square, ones, weight, bias); });
    expect_one_derivative("gelu", x, [&] { return ops::gelu(x); });
    expect_one_derivative("layer_norm", x, [&] { return ops::layer_norm(x, {ones, ones, 1e-6}); });
    expect_one_derivative("attention", x, [&] { return ops::self_attention(x, 1, projection); });
    const at::Tensor kernel = torch::randn({12, 1, 3, 3}, type);
    const at::Tensor zero = torch::zeros({1, 1, 1}, torch::kLong);
    expect_one_derivative("masked_depthwise_conv2d", x, [&] {
      return ops::masked_depthwise_conv2d(x.unsqueeze(0), kernel, ones, zero[0], zero, {2});
    });
    expect_one_derivative("roi_align", x, [&] {
      return ops::roi_align(x.unsqueeze(0), torch::ones({1, 4}), zero[0][0], 1, 2, 1);
    });
  }
}

}  // namespace
}  // namespace convmae
