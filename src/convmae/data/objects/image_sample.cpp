#include "convmae/data/objects/image_sample.h"

#include <memory>
#include <utility>

namespace convmae {

void validate(const ImageSampleConfig& config) {
  check_recipe(config.recipe);
  check_normalisation(config.normalisation, config.decode.channels);
}

ImageSampleMaker::ImageSampleMaker(ImageSampleConfig config) : config_(std::move(config)) {
  validate(config_);
  config_.decode.apply_exif_orientation = true;
}

Sample ImageSampleMaker::make(const ImageSource& source, std::int64_t index, const DrawKey& key,
                              const Companion& companion) {
  try {
    Sample sample = make_of_any_size(source, index, key, companion);
    forget_giants();
    return sample;
  } catch (...) {
    forget_giants();
    throw;
  }
}

void ImageSampleMaker::forget_giants() {
  decoded_.forget_giant();
  image_mover_.forget_giants();
}

Sample ImageSampleMaker::make_of_any_size(const ImageSource& source, std::int64_t index,
                                          const DrawKey& key, const Companion& companion) {
  source.read(index, encoded_);
  decode_image(encoded_, config_.decode, decoded_);
  const GeometryPlan plan = plan_geometry(config_.recipe, decoded_.size(), draws_of(key));
  const float scale = full_scale(decoded_.type());
  Sample sample;
  sample.original = plan.input;
  sample.size = sample.content = plan.output;
  if (companion) companion(plan, sample);
  const Image& moved = image_mover_.move(decoded_, plan);
  sample.pixels.resize(static_cast<std::size_t>(moved.num_values()));
  normalise(moved, scale, config_.normalisation, /*flip=*/false, sample.pixels.data());
  return sample;
}

std::function<SampleLoader<Sample>::Make()> image_samples(
    ImageSampleConfig config, std::function<void(std::int64_t index, Size upright)> check_size) {
  // What is wrong with the configuration is said here: a maker in a thread does not throw.
  validate(config);
  return [config = std::move(config), check_size = std::move(check_size)] {
    return [maker = std::make_shared<ImageSampleMaker>(config), check_size](
               const ImageSource& source, std::int64_t index, const DrawKey& key) {
      return maker->make(source, index, key, [&](const GeometryPlan& plan, const Sample&) {
        if (check_size) check_size(index, plan.input);
      });
    };
  };
}

}  // namespace convmae
