#include "convmae/data/objects/annotated_sample.h"

#include "convmae/base/error.h"
#include "convmae/base/geometry.h"

#include <string>
#include <utility>

namespace convmae {

AnnotatedSampleMaker::AnnotatedSampleMaker(std::shared_ptr<const AnnotatedImages> images,
                                           AnnotatedSampleConfig config)
    : images_(std::move(images)), config_(std::move(config)) {
  check_recipe(config_.recipe);
  check_normalisation(config_.normalisation, config_.decode.channels);
  config_.decode.apply_exif_orientation = true;
}

void AnnotatedSampleMaker::decode(std::int64_t index) {
  images_->read(index, encoded_);
  decode_image(encoded_, config_.decode, decoded_);
  const coco::ImageRecord& record = images_->record(index);
  if (decoded_.size() != record.size) {
    throw UserError("expected " + size_text(record.size) +
                    " pixels (height x width), as the annotations have of image " +
                    std::to_string(record.id) + ", found " + size_text(decoded_.size()) +
                    ": the annotations are of another version of the file");
  }
}

Sample AnnotatedSampleMaker::make(std::int64_t index, const DrawKey& key) {
  try {
    Sample sample = make_of_any_size(index, key);
    forget_giants();
    return sample;
  } catch (...) {
    forget_giants();
    throw;
  }
}

void AnnotatedSampleMaker::forget_giants() {
  decoded_.forget_giant();
  image_mover_.forget_giants();
}

Sample AnnotatedSampleMaker::make_of_any_size(std::int64_t index, const DrawKey& key) {
  decode(index);
  const GeometryPlan plan = plan_geometry(config_.recipe, decoded_.size(), draws_of(key));
  const float scale = full_scale(decoded_.type());
  Sample sample;
  sample.original = plan.input;
  sample.size = sample.content = plan.output;
  sample.objects = kept_objects(
      object_mover_.move(annotated_objects(images_->dataset(), images_->image(index)), plan));
  const Image& moved = image_mover_.move(decoded_, plan);
  sample.pixels.resize(static_cast<std::size_t>(moved.num_values()));
  normalise(moved, scale, config_.normalisation, /*flip=*/false, sample.pixels.data());
  return sample;
}

std::function<SampleLoader<Sample>::Make()> annotated_samples(
    std::shared_ptr<const AnnotatedImages> images, AnnotatedSampleConfig config) {
  // What is wrong with the configuration is said here: a maker in a thread does not throw.
  const AnnotatedSampleMaker trial(images, config);
  return [images = std::move(images), config = std::move(config)] {
    return [maker = std::make_shared<AnnotatedSampleMaker>(images, config)](
               const ImageSource& /*source*/, std::int64_t sample, const DrawKey& key) {
      return maker->make(sample, key);
    };
  };
}

}  // namespace convmae
