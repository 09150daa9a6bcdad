#include "convmae/optim/gradients.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace convmae {
namespace {

TEST(GradNorm, IsTheNormOverAllElements) {
  EXPECT_DOUBLE_EQ(grad_norm({at::full({2, 2}, 1.0F), at::full({3}, 2.0F)}), 4.0);
  EXPECT_EQ(grad_norm({}), 0.0);
}

TEST(GradNorm, ShowsASingleBrokenElement) {
  at::Tensor broken = at::zeros({100});
  broken[57] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(grad_norm({at::ones({3}), broken})));
  broken[57] = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(std::isinf(grad_norm({at::ones({3}), broken})));
}

TEST(ClipGradients, ScalesDownToTheLimitAndKeepsTheDirection) {
  const std::vector<at::Tensor> gradients{at::full({1}, 3.0F), at::full({1}, 4.0F)};
  clip_gradients(gradients, grad_norm(gradients), 1.0);
  EXPECT_NEAR(gradients[0].item<double>(), 0.6, 1e-6);
  EXPECT_NEAR(gradients[1].item<double>(), 0.8, 1e-6);
}

TEST(ClipGradients, WithANormThatNobodyReadsIsTheSame) {
  for (const float scale : {0.1F, 3.0F}) {
    const std::vector<at::Tensor> gradients{at::full({2, 2}, scale), at::full({3}, -scale)};
    const std::vector<at::Tensor> expected{gradients[0].clone(), gradients[1].clone()};
    clip_gradients(gradients, gradient_norm(gradients), 1.0);
    clip_gradients(expected, grad_norm(expected), 1.0);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_TRUE(at::allclose(gradients[i], expected[i]));
  }
}

TEST(ClipGradients, LeavesSmallGradientsAlone) {
  const std::vector<at::Tensor> gradients{at::full({1}, 0.3F)};
  clip_gradients(gradients, grad_norm(gradients), 1.0);
  EXPECT_EQ(gradients[0].item<float>(), 0.3F);
}

}  // namespace
}  // namespace convmae
