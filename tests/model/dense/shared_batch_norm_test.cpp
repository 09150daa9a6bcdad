#include "convmae/model/dense/shared_batch_norm.h"

#include "convmae/model/compute.h"
#include "convmae/model/dense/batch_norm.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

#include "support/processes.h"
#include <algorithm>
#include <numeric>
#include <vector>

/// Several processes normalise what one would.
namespace convmae {
namespace {

using testing::Each;

constexpr std::int64_t kChannels = 3;

/// A batch of which process r has `counts[r]` images, and what its loss is made of.
struct DividedBatch {
  std::vector<std::int64_t> counts;
  std::vector<std::int64_t> image{kChannels, 4, 5};
  at::ScalarType type = at::kDouble;
  BatchNorm::Affine affine = BatchNorm::Affine::scale_and_shift;

  at::Tensor whole(double factor, double offset) const {
    std::vector<std::int64_t> shape = image;
    shape.insert(shape.begin(), std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
    const at::Tensor numbers = at::arange(c10::multiply_integers(shape), at::kDouble).view(shape);
    return (numbers.square().sin() * factor + offset).to(type);
  }
  at::Tensor part(const at::Tensor& all, std::int64_t rank) const {
    const std::int64_t begin =
        std::accumulate(counts.begin(), counts.begin() + rank, std::int64_t{0});
    return all.narrow(0, begin, counts[static_cast<std::size_t>(rank)]);
  }
};

/// All that batch norm gives and moves in two batches of a step.
struct Outcome {
  at::Tensor y;
  at::Tensor grad_x;
  std::vector<at::Tensor> grads;  ///< of weight and bias
  std::vector<at::Tensor> buffers;
};

/// Of the part of a process; of the whole without a group.
Outcome outcome_of(const DividedBatch& batch, ProcessGroup* group) {
  const auto own = [&](const at::Tensor& all) {
    return group != nullptr ? batch.part(all, group->rank()) : all;
  };
  BatchNorm norm(kChannels, 1e-5, batch.affine);
  if (batch.type == at::kDouble) norm.to(at::kDouble);
  norm.share_with(group);
  if (norm.weight.defined()) {
    const at::NoGradGuard no_grad;
    norm.weight.copy_(at::arange(1, 1 + kChannels) * 0.7);
    norm.bias.copy_(at::arange(kChannels) - 0.4);
  }
  Outcome outcome;
  const auto input = [&](double factor, double offset) {
    return own(batch.whole(factor, offset)).detach().requires_grad_(true);
  };
  norm.forward(input(0.5, -1)).square().sum().backward();
  const at::Tensor x = input(3, 2);
  const at::Tensor y = norm.forward(x);
  (y * y * own(batch.whole(1, 0.3))).sum().backward();
  norm.commit();
  outcome.y = y.detach();
  outcome.grad_x = x.grad();
  for (const at::Tensor& parameter : norm.parameters()) outcome.grads.push_back(parameter.grad());
  outcome.buffers = norm.buffers();
  return outcome;
}

bool near(const at::Tensor& a, const at::Tensor& b, double tolerance) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
         at::allclose(a.to(at::kDouble), b.to(at::kDouble), tolerance, tolerance);
}

/// Whether the processes have together what one has with the whole batch.
bool equals_one_process(const DividedBatch& batch, double tolerance, ProcessGroup& group) {
  const Outcome expected = outcome_of(batch, nullptr);
  const Outcome found = outcome_of(batch, &group);
  bool well = near(found.y, batch.part(expected.y, group.rank()), tolerance) &&
              near(found.grad_x, batch.part(expected.grad_x, group.rank()), tolerance);
  for (std::size_t i = 0; i < expected.grads.size(); ++i) {
    group.sum(found.grads[i]);
    well = well && near(found.grads[i], expected.grads[i], tolerance);
  }
  for (std::size_t i = 0; i < expected.buffers.size(); ++i) {
    well = well && near(found.buffers[i], expected.buffers[i], tolerance);
  }
  return well;
}

std::vector<int> codes_of(const DividedBatch& batch, double tolerance) {
  at::set_num_threads(1);
  return run_processes(std::ssize(batch.counts), [&](ProcessGroup& group) {
    return equals_one_process(batch, tolerance, group);
  });
}

TEST(SharedBatchNorm, EqualsThatOfOneProcessInFloat64) {
  for (const std::vector<std::int64_t>& counts :
       std::vector<std::vector<std::int64_t>>{{2, 2}, {1, 3}, {0, 2}, {2, 1, 3}, {0, 3, 0}}) {
    EXPECT_THAT(codes_of({.counts = counts}, 1e-12), Each(0)) << testing::PrintToString(counts);
  }
}

TEST(SharedBatchNorm, NeedsNoScaleAndShift) {
  // Vectors, one of them in each process: what none of them could normalise alone.
  EXPECT_THAT(
      codes_of({.counts = {1, 1}, .image = {kChannels}, .affine = BatchNorm::Affine::none}, 1e-12),
      Each(0));
}

TEST(SharedBatchNorm, ComputesInTheTypeOfItsInput) {
  EXPECT_THAT(codes_of({.counts = {1, 3}, .type = at::kFloat}, 1e-5), Each(0));
  EXPECT_THAT(codes_of({.counts = {1, 3}, .type = at::kBFloat16}, 2e-2), Each(0));
}

TEST(SharedBatchNorm, MovesNothingWhereNobodyHasANumber) {
  const auto work = [](ProcessGroup& group) {
    BatchNorm norm(kChannels, 1e-5);
    norm.share_with(&group);
    const at::Tensor x = at::empty({0, kChannels, 2, 2}).requires_grad_(true);
    norm.forward(x).sum().backward();
    norm.commit();
    return x.grad().numel() == 0 && at::equal(norm.weight.grad(), at::zeros({kChannels})) &&
           norm.named_buffers()["num_batches_tracked"].item<std::int64_t>() == 0 &&
           at::equal(norm.named_buffers()["running_var"], at::ones({kChannels}));
  };
  EXPECT_THAT(run_processes(2, work), Each(0));
}

TEST(SharedBatchNorm, RefusesASingleNumberInEveryProcess) {
  const auto work = [](ProcessGroup& group) {
    BatchNorm norm(kChannels, 1e-5);
    norm.share_with(&group);
    try {
      norm.forward(at::ones({group.is_first() ? 1 : 0, kChannels}));
    } catch (const c10::Error&) {
      return true;
    }
    return false;
  };
  EXPECT_THAT(run_processes(2, work), Each(0));
}

TEST(SharedBatchNorm, RefusesASecondDerivative) {
  const auto work = [](ProcessGroup& group) {
    BatchNorm norm(kChannels, 1e-5);
    norm.share_with(&group);
    const at::Tensor x = at::rand({4, kChannels}).requires_grad_(true);
    try {
      torch::autograd::grad({norm.forward(x).square().sum()}, {x}, {}, /*retain_graph=*/true,
                            /*create_graph=*/true);
    } catch (const c10::Error&) {
      return true;
    }
    return false;
  };
  EXPECT_THAT(run_processes(1, work), Each(0));
}

TEST(SharedBatchNorm, IsWhatPlacedLayersHaveInTraining) {
  const auto work = [](ProcessGroup& group) {
    BatchNorm norm(kChannels, 1e-5);
    place(norm, {.group = &group});
    const auto value = static_cast<double>(group.rank());
    const at::Tensor x = at::full({2, kChannels}, value);
    const bool shared = near(norm.forward(x), at::full({2, kChannels}, value * 2 - 1), 1e-4);
    // Nobody else takes part in an evaluation.
    norm.eval();
    return shared && (!group.is_first() || at::equal(norm.forward(x), x));
  };
  EXPECT_THAT(run_processes(2, work), Each(0));
}

}  // namespace
}  // namespace convmae
