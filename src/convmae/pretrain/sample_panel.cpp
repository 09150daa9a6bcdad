#include "convmae/pretrain/sample_panel.h"

#include "convmae/base/error.h"
#include "convmae/pretrain/reconstruction.h"
#include "convmae/report/panel.h"
#include "convmae/train/batches.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>

namespace convmae {

SamplePanel::SamplePanel(const PretrainOptions& options, const ImageSource& source)
    : options_(options) {
  const std::int64_t count = std::min(options.panel_images, source.size());
  SampleTransform transform(evaluation_transform(options));
  std::vector<at::Tensor> images;
  std::vector<std::uint8_t> bytes;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t number = i * source.size() / count;
    const Size size = options.model_config.encoder.img_size;
    const at::Tensor image =
        at::empty({options.model_config.encoder.in_chans, size.height, size.width}, at::kFloat);
    try {
      source.read(number, bytes);
      transform.apply(bytes, {}, image.mutable_data_ptr<float>());
    } catch (const UserError&) {
      continue;  // reported when the evaluation or an epoch meets it
    }
    images.push_back(image);
    numbers_.push_back(number);
    captions_.push_back(std::filesystem::path(source.name(number)).filename().string());
  }
  if (!images.empty()) images_ = at::stack(images);
}

Picture SamplePanel::draw(PretrainModel& model, MissingFonts& missing) const {
  const at::Tensor noise =
      mask_noise(options_.seed, kEvaluationEpoch, numbers_, model.noise_length());
  const at::NoGradGuard no_grad;
  const PretrainOutput output = model.forward(images_, noise, Predict::all);
  return compose(reconstruction_panel(
                     reconstruct(model, images_, output, preprocessing_of(options_), captions_),
                     reconstruction_note(model.config())),
                 missing);
}

}  // namespace convmae
