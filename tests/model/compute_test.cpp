#include "convmae/model/compute.h"

#include "convmae/base/error.h"
#include "convmae/model/classifier.h"
#include "convmae/model/encoder/layers.h"
#include "convmae/ops/cpu_features.h"
#include "convmae/ops/device.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "support/small_models.h"

namespace convmae {
namespace {

TEST(Compute, EveryLayerOfAModelGetsItsPolicy) {
  const GemmPolicy policy(GemmBackend::aten, torch::kFloat);
  for (const ModelConfig& config : {small_config(), small_vit_config()}) {
    const auto model = make_pretrain_model(config);
    model->use({.gemm = policy});
    int layers = 0;
    for (const auto& part : model->modules()) {
      const auto* const linear = part->as<Linear>();
      const auto* const conv = part->as<PatchConv>();
      if (linear == nullptr && conv == nullptr) continue;
      EXPECT_EQ(linear != nullptr ? linear->gemm : conv->gemm, policy);
      ++layers;
    }
    EXPECT_GT(layers, 10);
  }
}

TEST(Compute, ModelsAreOnTheStackToo) {
  Classifier model({.encoder = small_config().encoder, .num_classes = 2});
  EXPECT_EQ(&place(model, {.gemm = GemmPolicy(GemmBackend::aten)}), &model);
  const auto head = std::dynamic_pointer_cast<Linear>(model.named_children()["head"]);
  EXPECT_EQ(head->gemm, GemmPolicy(GemmBackend::aten));
}

TEST(Compute, ALayerHandsItsPolicyOn) {
  Linear layer(3, 2);
  layer.gemm = GemmPolicy(GemmBackend::onednn);
  EXPECT_EQ(layer.operand(torch::kFloat).gemm, layer.gemm);
  EXPECT_EQ(layer.operand(torch::kBFloat16).gemm, layer.gemm);
}

TEST(Compute, AModelComputesInTheTypeThatItIsGiven) {
  const auto model = make_pretrain_model(small_config());
  model->initialise(1);
  const at::Tensor images = random_images(small_config(), 1).to(torch::kFloat);
  model->use({.type = torch::kBFloat16});
  EXPECT_EQ(model->feature_maps(images).back().scalar_type(), torch::kBFloat16);
  model->use({});
  EXPECT_EQ(model->feature_maps(images).back().scalar_type(), torch::kFloat);
}

TEST(Compute, StartsWhatIsAskedFor) {
  const int threads = at::get_num_threads();
  const Compute compute = start_compute({.device = "cpu", .threads = 2, .gemm = "aten"});
  EXPECT_EQ(at::get_num_threads(), 2);
  at::set_num_threads(threads);
  EXPECT_EQ(compute.threads, 2);
  EXPECT_EQ(compute.type, torch::kFloat);
  EXPECT_EQ(compute.gemm.backend(torch::kFloat), GemmBackend::aten);
  EXPECT_EQ(compute.gemm.backend(torch::kBFloat16), default_gemm_backend(torch::kBFloat16));
  EXPECT_TRUE(compute.device.is_cpu());
  EXPECT_EQ(compute.group, nullptr);
  EXPECT_EQ(describe(compute).front(), std::pair(std::string("device"), std::string("cpu")));
}

TEST(Compute, RefusesOtherNames) {
  for (const ComputeOptions& options :
       {ComputeOptions{.precision = "fp16"}, ComputeOptions{.gemm = "mkl"},
        ComputeOptions{.device = "gpu"}}) {
    EXPECT_THROW(start_compute(options), UserError);
    EXPECT_THROW(validate_compute(options), UserError);
  }
}

TEST(Compute, IsAsFastAsTheCpuCan) {
  ComputeOptions options{.device = "cpu", .precision = "fast"};
  resolve_compute(options);
  EXPECT_EQ(options.precision, cpu_has_bf16() ? "bf16" : "fp32");
  if (!cpu_has_bf16()) {
    EXPECT_THROW(validate_compute({.device = "cpu", .precision = "bf16"}), UserError);
  }
}

TEST(Compute, WritesOutWhatIsLeftToTheProgram) {
  ComputeOptions options{.device = "cpu"};
  resolve_compute(options);
  EXPECT_GE(options.threads, 1);
  EXPECT_EQ(options.precision, "fp32");
  EXPECT_EQ(options.gemm, to_string(default_gemm_backend(torch::kFloat)));
  options = {};
  resolve_compute(options);
  EXPECT_EQ(options.device, parse_device("auto").is_cpu() ? "cpu" : "cuda");
  options = {.device = "cpu", .threads = 3, .gemm = "aten"};
  resolve_compute(options);
  EXPECT_EQ(options.threads, 3);
  EXPECT_EQ(options.gemm, "aten");
}

}  // namespace
}  // namespace convmae
