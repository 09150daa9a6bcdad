#include "convmae/optim/weight_average.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

namespace convmae {
namespace {

TEST(WeightAverage, FollowsTheStepsThatAreTaken) {
  const torch::nn::Linear model(2, 1);
  const at::NoGradGuard no_grad;
  for (const at::Tensor& parameter : model->parameters()) parameter.zero_();
  WeightAverage average(*model, 0.9);
  WeightAverage decided(*model, 0.9);
  for (const at::Tensor& parameter : model->parameters()) parameter.fill_(10);
  average.update();
  decided.update_if(at::zeros({}, at::kBool));
  EXPECT_TRUE(at::equal(decided.tensors()[0].second, at::zeros({1, 2})));
  decided.update_if(at::ones({}, at::kBool));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(at::allclose(average.tensors()[i].second, at::full({}, 1.0F)));
    EXPECT_TRUE(at::equal(decided.tensors()[i].second, average.tensors()[i].second));
  }
}

}  // namespace
}  // namespace convmae
