#include "convmae/pretrain/held_out_loss.h"

#include "convmae/model/encoder/image_blocks.h"
#include "convmae/pretrain/pixel_mask.h"

#include <ATen/ATen.h>

#include <utility>

namespace convmae {
namespace {

/// What a model with normalised targets is asked for, as images.
at::Tensor normalised(const at::Tensor& images, std::int64_t block) {
  const Size grid{images.size(2) / block, images.size(3) / block};
  const at::Tensor blocks = normalise_blocks(image_to_blocks(images, grid, {block}).flatten(2));
  return blocks_to_image(blocks, grid, images.size(1));
}

}  // namespace

double baseline_loss(const PretrainModel& model, const at::Tensor& images, const at::Tensor& mask) {
  const std::int64_t views = mask.size(0) / images.size(0);
  const at::Tensor removed = pixel_mask(mask, {images.size(2), images.size(3)}).to(at::kDouble);
  const bool norm_pix_loss = model.config().decoder.norm_pix_loss;
  at::Tensor error = (norm_pix_loss ? normalised(images, model.block()) : images).to(at::kDouble);
  error = error.repeat({views, 1, 1, 1});
  if (!norm_pix_loss) {
    const at::Tensor visible = 1 - removed;
    error = error -
            (error * visible).sum({2, 3}, /*keepdim=*/true) / visible.sum({2, 3}, /*keepdim=*/true);
  }
  const at::Tensor square = error.square().mean(1, /*keepdim=*/true);
  return ((square * removed).sum() / removed.sum()).item<double>();
}

Evaluation evaluate(PretrainModel& model, const PretrainOptions& options,
                    std::shared_ptr<const ImageSource> source, const ImageReading& reading) {
  const at::NoGradGuard no_grad;
  const Preprocessing preprocessing = preprocessing_of(options);
  const std::unique_ptr<Loader> loader =
      evaluation_loader(reading, preprocessing, std::move(source));
  Evaluation result;
  while (const std::optional<Batch> batch = loader->next()) {
    const at::Tensor images = images_of(*batch, preprocessing);
    const at::Tensor noise =
        mask_noise(options.seed, kEvaluationEpoch, batch->global_indices, model.noise_length());
    const PretrainOutput output = model.forward(images, noise, Predict::removed);
    // Every image has as many removed blocks, or positions, as any other: batches weigh by their
    // images.
    const auto weight = static_cast<double>(batch->count);
    result.images += batch->count;
    result.loss += weight * output.loss.item<double>();
    result.baseline += weight * baseline_loss(model, images, output.mask);
    if (reading.progress) reading.progress(result.images);
  }
  const at::Tensor sums =
      at::tensor({static_cast<double>(result.images), result.loss, result.baseline}, at::kDouble);
  sum_over_processes(reading, sums);
  const auto* const total = sums.const_data_ptr<double>();
  result = {static_cast<std::int64_t>(total[0]), total[1], total[2]};
  result.loss /= static_cast<double>(result.images);
  result.baseline /= static_cast<double>(result.images);
  return result;
}

}  // namespace convmae
