#include "convmae/model/dense/batch_norm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>

namespace convmae {
namespace {

TEST(BatchNorm, IsTheLibrarysOnceItsStepsAreTaken) {
  torch::manual_seed(1);
  BatchNorm ours(3, 1e-5);
  torch::nn::BatchNorm2d theirs(torch::nn::BatchNorm2dOptions(3).eps(1e-5));
  for (int step = 0; step < 3; ++step) {
    const at::Tensor x = torch::randn({2, 3, 4, 5}) * 2 + 1;
    EXPECT_TRUE(at::allclose(ours.forward(x), theirs->forward(x)));
    ours.commit();
  }
  const auto buffers = ours.named_buffers();
  EXPECT_TRUE(at::allclose(buffers["running_mean"], theirs->running_mean));
  EXPECT_TRUE(at::allclose(buffers["running_var"], theirs->running_var));
  EXPECT_EQ(buffers["num_batches_tracked"].item<std::int64_t>(), 3);
  ours.eval();
  theirs->eval();
  const at::Tensor x = torch::randn({2, 3, 4, 5});
  EXPECT_TRUE(at::allclose(ours.forward(x), theirs->forward(x)));
}

TEST(BatchNorm, KeepsItsStatisticsUntilTheStepIsTaken) {
  auto whole = std::make_shared<torch::nn::Module>();
  auto norm = whole->register_module("norm", std::make_shared<BatchNorm>(2, 1e-5));
  const auto mean = [&] { return norm->named_buffers()["running_mean"].clone(); };
  const at::Tensor x = at::ones({4, 2, 1, 1}) * 3;
  norm->forward(x);
  EXPECT_TRUE(at::equal(mean(), at::zeros({2})));
  discard_statistics(*whole);
  commit_statistics(*whole);
  EXPECT_TRUE(at::equal(mean(), at::zeros({2})));
  // Two batches of a step move them twice.
  norm->forward(x);
  norm->forward(x);
  commit_statistics(*whole);
  EXPECT_TRUE(at::allclose(mean(), at::full({2}, 3 * (1 - 0.9 * 0.9))));
}

TEST(BatchNorm, MovesItsStatisticsWhereTheDeviceSaysSo) {
  auto whole = std::make_shared<torch::nn::Module>();
  auto norm = whole->register_module("norm", std::make_shared<BatchNorm>(2, 1e-5));
  auto expected = std::make_shared<BatchNorm>(2, 1e-5);
  const at::Tensor x = torch::randn({4, 2, 1, 1}) * 3;
  norm->forward(x * 5);
  commit_statistics_if(*whole, at::zeros({}, at::kBool));
  norm->forward(x);
  commit_statistics_if(*whole, at::ones({}, at::kBool));
  expected->forward(x);
  expected->commit();
  for (const auto& buffer : norm->named_buffers()) {
    EXPECT_TRUE(at::equal(buffer.value(), expected->named_buffers()[buffer.key()])) << buffer.key();
  }
}

TEST(BatchNorm, LeavesItsStatisticsAloneWhereThereIsNothing) {
  BatchNorm norm(2, 1e-5);
  EXPECT_EQ(norm.forward(at::empty({0, 2, 3, 3})).size(0), 0);
  norm.commit();
  EXPECT_EQ(norm.named_buffers()["num_batches_tracked"].item<std::int64_t>(), 0);
  EXPECT_THROW(norm.forward(at::ones({1, 2, 1, 1})), c10::Error);
}

}  // namespace
}  // namespace convmae
