#include "convmae/data/objects/annotated_sample.h"

#include <utility>

namespace convmae {

AnnotatedSampleMaker::AnnotatedSampleMaker(std::shared_ptr<const AnnotatedImages> images,
                                           AnnotatedSampleConfig config)
    : images_(std::move(images)), pixels_(std::move(config)) {}

Sample AnnotatedSampleMaker::make(std::int64_t index, const DrawKey& key) {
  return pixels_.make(*images_, index, key, [&](const GeometryPlan& plan, Sample& sample) {
    images_->require_size(index, plan.input);
    sample.objects = kept_objects(
        object_mover_.move(annotated_objects(images_->dataset(), images_->image(index)), plan));
  });
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
