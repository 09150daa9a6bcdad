#include "convmae/base/error.h"
#include "convmae/ops/kernel_choice.h"
#include "convmae/ops/library_attention.h"
#include "convmae/ops/nms.h"
#include "convmae/ops/operand.h"

#include <ATen/Context.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "ops/operator_cases.h"
#include "support/read_backs.h"
#include <algorithm>
#include <optional>
#include <vector>

namespace convmae {
namespace {

/// Operators are computed by the library while it lives.
class ByTheLibrary {
 public:
  ByTheLibrary() { choose_kernels(KernelChoice::reference); }
  ~ByTheLibrary() { choose_kernels(KernelChoice::own); }
  ByTheLibrary(const ByTheLibrary&) = delete;
  ByTheLibrary& operator=(const ByTheLibrary&) = delete;
};

double tolerance_of(at::ScalarType type) {
  if (type == torch::kDouble) return 1e-11;
  return type == torch::kFloat ? 1e-5 : 3e-2;
}

void expect_same_numbers(const std::vector<at::Tensor>& found, const std::vector<at::Tensor>& right,
                         double tolerance) {
  ASSERT_EQ(found.size(), right.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].sizes(), right[i].sizes()) << i;
    ASSERT_EQ(found[i].scalar_type(), right[i].scalar_type()) << i;
    if (right[i].numel() == 0) continue;
    const at::Tensor exact = right[i].cpu().to(torch::kDouble);
    const double scale = std::max(1.0, exact.abs().max().item<double>());
    EXPECT_LE((found[i].cpu().to(torch::kDouble) - exact).abs().max().item<double>(),
              tolerance * scale)
        << i;
  }
}

TEST(Devices, MetaTensorsGetShapesAndTypes) {
  for (const OperatorCase& c : operator_cases()) {
    for (const at::ScalarType type : {torch::kFloat, torch::kBFloat16, torch::kDouble}) {
      SCOPED_TRACE(testing::Message() << c.name << ' ' << type);
      const auto here = result_and_gradients(c, torch::kCPU, type);
      const auto there = result_and_gradients(c, torch::kMeta, type);
      ASSERT_EQ(there.size(), here.size());
      for (size_t i = 0; i < here.size(); ++i) {
        EXPECT_TRUE(there[i].is_meta()) << i;
        EXPECT_EQ(there[i].sizes(), here[i].sizes()) << i;
        EXPECT_EQ(there[i].scalar_type(), here[i].scalar_type()) << i;
      }
      EXPECT_EQ(result_alone(c, torch::kMeta, type).sizes(), here[0].sizes());
    }
  }
}

TEST(Devices, TheLibraryComputesTheSameAsOurKernels) {
  for (const OperatorCase& c : operator_cases()) {
    for (const at::ScalarType type : {torch::kDouble, torch::kFloat, torch::kBFloat16}) {
      SCOPED_TRACE(testing::Message() << c.name << ' ' << type);
      const auto ours = result_and_gradients(c, torch::kCPU, type);
      const ByTheLibrary choice;
      expect_same_numbers(result_and_gradients(c, torch::kCPU, type), ours, tolerance_of(type));
      expect_same_numbers({result_alone(c, torch::kCPU, type)}, {ours[0]}, tolerance_of(type));
    }
  }
}

TEST(Devices, AGpuComputesTheSameAsTheCpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU here";
  for (const OperatorCase& c : operator_cases()) {
    for (const at::ScalarType type : {torch::kDouble, torch::kFloat, torch::kBFloat16}) {
      SCOPED_TRACE(testing::Message() << c.name << ' ' << type);
      const auto here = result_and_gradients(c, torch::kCPU, type);
      const auto first = result_and_gradients(c, torch::kCUDA, type);
      expect_same_numbers(first, here, tolerance_of(type));
      const ByTheLibrary choice;
      expect_same_numbers(result_and_gradients(c, torch::kCUDA, type), here, tolerance_of(type));
    }
  }
}

TEST(Devices, ABiasInTheProductsIsTheBiasOfTheScores) {
  torch::manual_seed(3);
  const auto leaf = [](at::IntArrayRef shape) {
    return torch::randn(shape, torch::kDouble).requires_grad_();
  };
  const at::Tensor query = leaf({2, 3, 10});
  const at::Tensor key_value = leaf({2, 4, 20});
  const ops::ScoreBias bias{
      .table = leaf({2, 3, 5}),
      .rows = leaf({2, 2, 3, 2}),
      .columns = leaf({2, 2, 3, 3}),
      .key_places = torch::tensor({{5, 0, 3, 2}, {1, 4, 0, 2}}),
      .query_places = torch::tensor({{0, 1, 2}, {3, 4, 5}}),
  };
  const at::Tensor visible = torch::tensor({{1, 1, 0, 1}, {1, 1, 1, 1}}).to(torch::kBool);
  const auto run = [&](ops::BiasForm form) {
    const at::Tensor out = ops::library_attention(query, key_value, 2, visible, bias, form);
    auto all = torch::autograd::grad({out.square().sum()},
                                     {query, key_value, bias.table, bias.rows, bias.columns});
    all.push_back(out);
    return all;
  };
  const auto whole = run(ops::BiasForm::whole);
  const auto in_products = run(ops::BiasForm::in_products);
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_TRUE(torch::allclose(in_products[i], whole[i], 1e-10, 1e-12)) << i;
  }
}

TEST(Devices, MetaBoxesAreAllKept) {
  const auto meta = torch::TensorOptions().device(torch::kMeta);
  const at::Tensor boxes = torch::empty({7, 4}, meta);
  const at::Tensor scores = torch::empty({7}, meta);
  const at::Tensor groups = torch::empty({7}, meta.dtype(torch::kLong));
  EXPECT_EQ(ops::nms(boxes, scores, 0.5).sizes(), at::IntArrayRef({7}));
  EXPECT_EQ(ops::batched_nms(boxes, scores, groups, 0.5, 3).sizes(), at::IntArrayRef({3}));
  EXPECT_EQ(ops::batched_nms(boxes, scores, groups, 0.5, 3).scalar_type(), torch::kLong);
  EXPECT_THROW(ops::batched_nms(boxes, scores, scores, 0.5), c10::Error);
}

TEST(Devices, ACopyOfAWeightIsKeptUntilItChanges) {
  for (const at::Device device : {at::Device(torch::kCPU), at::Device(torch::kMeta)}) {
    at::Tensor weight = torch::zeros({3, 2}, device);
    ops::OperandCache cache;
    const auto copy = [&] { return cache.operand(weight, torch::kBFloat16).copy; };
    const at::Tensor first = copy();
    EXPECT_EQ(first.scalar_type(), torch::kBFloat16);
    EXPECT_TRUE(copy().is_same(first)) << device;
    weight.add_(1);
    const at::Tensor second = copy();
    EXPECT_FALSE(second.is_same(first)) << device;
    weight.set_data(weight + 1);
    EXPECT_FALSE(copy().is_same(second)) << device;
  }
}

TEST(Devices, NothingIsReadBack) {
  for (const OperatorCase& c : operator_cases()) {
    // Which pixels a cell reads is found on the host.
    if (c.name.starts_with("roi_align")) continue;
    const ReadBacks read_backs;
    result_and_gradients(c, torch::kMeta, torch::kFloat);
    EXPECT_EQ(read_backs.found(), 0) << c.name;
  }
}

TEST(KernelChoice, HasTwoNames) {
  for (const KernelChoice choice : {KernelChoice::own, KernelChoice::reference}) {
    EXPECT_EQ(parse_kernel_choice(to_string(choice)), choice);
  }
  EXPECT_THROW(parse_kernel_choice("theirs"), UserError);
}

}  // namespace
}  // namespace convmae
