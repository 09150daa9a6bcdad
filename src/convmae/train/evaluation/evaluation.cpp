#include "convmae/train/evaluation/evaluation.h"

#include "convmae/model/image_blocks.h"
#include "convmae/train/evaluation/batches.h"
#include "convmae/train/evaluation/pixel_mask.h"

#include <ATen/ATen.h>

#include <utility>

namespace convmae {
double baseline_loss(const at::Tensor& images, const at::Tensor& mask, bool normalised_targets) {
  const Size size{images.size(2), images.size(3)};
  const std::int64_t views = mask.size(0) / images.size(0);
  if (normalised_targets) {
    const std::int64_t unit = mask_unit(size, mask.size(1));
    const at::Tensor blocks =
        image_to_blocks(images, {size.height / unit, size.width / unit}, {unit}).flatten(2);
    const at::Tensor per_block = normalise_blocks(blocks).square().mean(-1).repeat({views, 1});
    return ((per_block * mask).sum() / mask.sum()).item<double>();
  }
  const at::Tensor all = images.repeat({views, 1, 1, 1}).to(at::kDouble);
  const at::Tensor removed = pixel_mask(mask, size).to(at::kDouble);
  const at::Tensor visible = 1 - removed;
  const at::Tensor mean =
      (all * visible).sum({2, 3}, /*keepdim=*/true) / visible.sum({2, 3}, /*keepdim=*/true);
  const at::Tensor error = (all - mean).square().mean(1, /*keepdim=*/true);
  return ((error * removed).sum() / removed.sum()).item<double>();
}

Evaluation evaluate(PretrainModel& model, const PretrainOptions& options,
                    std::shared_ptr<const ImageSource> source,
                    const std::function<void(std::int64_t)>& progress) {
  const at::NoGradGuard no_grad;
  const Preprocessing preprocessing = preprocessing_of(options);
  const std::unique_ptr<Loader> loader = evaluation_loader(options, std::move(source));
  Evaluation result;
  while (const std::optional<Batch> batch = loader->next()) {
    const at::Tensor images = images_of(*batch, preprocessing);
    const at::Tensor noise =
        mask_noise(options.seed, kEvaluationEpoch, batch->global_indices, model.noise_length());
    const PretrainOutput output = model.forward(images, noise, Predict::removed);
    // Every image has as many removed blocks as any other: batches weigh by their images.
    const auto weight = static_cast<double>(batch->count);
    result.images += batch->count;
    result.loss += weight * output.loss.item<double>();
    result.baseline += weight * baseline_loss(images, output.mask, model.config().norm_pix_loss);
    progress(result.images);
  }
  result.loss /= static_cast<double>(result.images);
  result.baseline /= static_cast<double>(result.images);
  return result;
}

}  // namespace convmae
