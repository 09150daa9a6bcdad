#include "convmae/model/autoencoder/masked_autoencoder_vit.h"

#include <gtest/gtest.h>

#include "support/small_models.h"

namespace convmae {
namespace {

TEST(MaskedAutoencoderVit, PredictingOnlyRemovedPatchesChangesNeitherLossNorGradients) {
  for (const bool norm_pix_loss : {false, true}) {
    ModelConfig config = small_vit_config();
    config.decoder.norm_pix_loss = norm_pix_loss;
    auto model = make_random_model(config, 2);
    const at::Tensor images = random_images(config, 2);
    const at::Tensor noise = torch::rand({2, model->noise_length()});
    std::map<std::string, at::Tensor> gradients;
    const at::Tensor all = model->forward(images, noise, Predict::all).loss;
    all.backward();
    for (const auto& p : model->named_parameters()) {
      if (p.value().requires_grad()) gradients[p.key()] = p.value().grad().clone();
    }
    model->zero_grad();
    const at::Tensor removed = model->forward(images, noise, Predict::removed).loss;
    removed.backward();
    EXPECT_NEAR(all.item<double>(), removed.item<double>(), 1e-12);
    const auto parameters = model->named_parameters();
    for (const auto& [name, gradient] : gradients) {
      EXPECT_TRUE(torch::allclose(parameters[name].grad(), gradient, 1e-9, 1e-11)) << name;
    }
  }
}

TEST(MaskedAutoencoderVit, NoBitOfThePredictionDependsOnRemovedPatches) {
  auto model = make_random_model(small_vit_config(), 2);
  const torch::NoGradGuard no_grad;
  const at::Tensor images = random_images(small_vit_config(), 1);
  const at::Tensor noise = torch::rand({1, 12});
  const PretrainOutput output = model->forward(images, noise, Predict::all);
  const at::Tensor removed =
      output.mask.view({1, 1, 3, 4}).repeat_interleave(16, 2).repeat_interleave(16, 3);
  const at::Tensor other = torch::where(removed > 0, images + 1, images);
  EXPECT_TRUE(torch::equal(output.pred, model->forward(other, noise, Predict::all).pred));
}

TEST(MaskedAutoencoderVit, TakesAnyPatchSize) {
  ModelConfig config = small_vit_config();
  config.encoder.patch_size = {8};
  auto model = make_random_model(config, 2);
  EXPECT_EQ(model->noise_length(), 6 * 8);
  const PretrainOutput output =
      model->forward(random_images(config, 3), torch::rand({3, 48}), Predict::all);
  EXPECT_EQ(output.pred.sizes(), (std::vector<int64_t>{3, 48, 192}));
}

}  // namespace
}  // namespace convmae
