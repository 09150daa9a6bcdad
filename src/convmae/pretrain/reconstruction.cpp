#include "convmae/pretrain/reconstruction.h"

#include "convmae/model/encoder/image_blocks.h"
#include "convmae/pretrain/pixel_mask.h"

#include <ATen/ATen.h>

namespace convmae {
namespace {

/// Undoes the normalisation of [B, C, H, W] and makes 8-bit pictures.
std::vector<Picture> pictures_of(const at::Tensor& images, const Preprocessing& preprocessing) {
  const auto channels = images.size(1);
  const at::Tensor mean = at::tensor(preprocessing.mean).to(at::kFloat).view({1, channels, 1, 1});
  const at::Tensor std = at::tensor(preprocessing.std).to(at::kFloat).view({1, channels, 1, 1});
  const at::Tensor pixels = (images * std + mean).permute({0, 2, 3, 1}).contiguous();
  std::vector<Picture> pictures;
  for (std::int64_t i = 0; i < pixels.size(0); ++i) {
    const at::Tensor image = pixels[i];
    pictures.push_back(
        picture_from_float({image.const_data_ptr<float>(), static_cast<std::size_t>(image.numel())},
                           image.size(0), image.size(1), channels));
  }
  return pictures;
}

}  // namespace

std::vector<Reconstruction> reconstruct(const PretrainModel& model, const at::Tensor& images,
                                        const PretrainOutput& output,
                                        const Preprocessing& preprocessing,
                                        const std::vector<std::string>& captions) {
  const at::NoGradGuard no_grad;
  const std::int64_t block = model.block();
  const Size grid{images.size(2) / block, images.size(3) / block};
  const std::int64_t batch = images.size(0);
  const std::int64_t views = output.pred.size(0) / batch;
  at::Tensor blocks = output.pred;
  if (model.config().decoder.norm_pix_loss) {
    const BlockStatistics truth =
        block_statistics(image_to_blocks(images, grid, {block}).flatten(2).repeat({views, 1, 1}));
    blocks = blocks * truth.deviation + truth.mean;
  }
  const std::vector<Picture> originals = pictures_of(images, preprocessing);
  const std::vector<Picture> predictions =
      pictures_of(blocks_to_image(blocks, grid, images.size(1)), preprocessing);
  const at::Tensor removed = output.mask.to(at::kByte).contiguous();
  const std::int64_t length = removed.size(1);

  std::vector<Reconstruction> result;
  for (std::int64_t i = 0; i < batch; ++i) {
    Reconstruction item;
    item.original = originals[static_cast<std::size_t>(i)];
    item.block = mask_unit({images.size(2), images.size(3)}, length);
    item.caption = captions[static_cast<std::size_t>(i)];
    for (std::int64_t v = 0; v < views; ++v) {
      const std::int64_t row = v * batch + i;
      const std::uint8_t* const mask = removed.const_data_ptr<std::uint8_t>() + row * length;
      item.views.push_back({predictions[static_cast<std::size_t>(row)], {mask, mask + length}});
    }
    result.push_back(std::move(item));
  }
  return result;
}

std::string reconstruction_note(const ModelConfig& config) {
  return config.decoder.norm_pix_loss ? "block means and contrasts are taken from the original"
                                      : "";
}

}  // namespace convmae
