#include "convmae/features/features.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/sources/image_subset.h"
#include "convmae/features/feature_writer.h"
#include "convmae/train/finite.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace convmae {
namespace {

/// Calls `take(batch, images)` for all images in the source's order.
void for_each_batch(const FeatureModel& model, std::shared_ptr<const ImageSource> source,
                    const ImageReading& reading,
                    const std::function<void(const Batch&, const at::Tensor&)>& take) {
  const std::unique_ptr<Loader> loader =
      evaluation_loader(reading, model.preprocessing(), std::move(source));
  std::int64_t done = 0;
  while (const std::optional<Batch> batch = loader->next()) {
    take(*batch, images_of(*batch, model.preprocessing()));
    done += batch->count;
    if (reading.progress) reading.progress(done);
  }
}

/// The images that can be used, those that cannot being told of.
std::shared_ptr<const ImageSource> usable_images(const FeatureModel& model,
                                                 std::shared_ptr<const ImageSource> source,
                                                 ImageReading reading) {
  reading.progress = {};
  std::vector<std::int64_t> usable;
  for_each_batch(model, source, reading, [&](const Batch& batch, const at::Tensor&) {
    usable.insert(usable.end(), batch.samples.begin(), batch.samples.end());
  });
  if (std::ssize(usable) == source->size()) return source;
  return std::make_shared<ImageSubset>(std::move(source), std::move(usable));
}

std::vector<at::Tensor> selected(const FeatureModel& model, const FeatureSelection& selection,
                                 const at::Tensor& images) {
  const std::vector<at::Tensor> maps = model.maps(images);
  std::vector<at::Tensor> features;
  for (const std::int64_t stage : selection.stages) {
    const at::Tensor& map = maps.at(static_cast<std::size_t>(stage - 1));
    features.push_back((selection.pooled ? map.mean({2, 3}) : map).contiguous());
  }
  return features;
}

/// Throws UserError if features of images are no numbers: whatever is made of them would be none,
/// or worse, would look like one.
void require_features(const FeatureModel& model, const Batch& batch, const ImageSource& source,
                      const at::Tensor& features) {
  NotNumbers not_numbers;
  not_numbers.check(features, batch, source);
  not_numbers.require_none("the encoder", model.module());
}

}  // namespace

std::vector<std::filesystem::path> write_features(const FeatureModel& model,
                                                  std::shared_ptr<const ImageSource> source,
                                                  const FeatureSelection& selection,
                                                  ImageReading reading,
                                                  const std::filesystem::path& out) {
  for (const std::int64_t stage : selection.stages) {
    if (stage < 1 || stage > model.stages()) {
      throw UserError("--stages takes numbers from 1 to " + std::to_string(model.stages()) +
                      " for this model, found " + std::to_string(stage));
    }
  }
  require_feature_files(out, selection.stages);
  if (reading.leave_out_bad) {
    // The files begin with the number of images.
    source = usable_images(model, source, reading);
    reading.leave_out_bad = false;
  }
  const Preprocessing& preprocessing = model.preprocessing();
  const at::Tensor blank = at::zeros(
      {1, std::ssize(preprocessing.mean), preprocessing.size.height, preprocessing.size.width});
  std::vector<FeatureArray> arrays;
  const std::vector<at::Tensor> examples = selected(model, selection, blank);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    arrays.push_back(
        {"stage" + std::to_string(selection.stages[i]), examples[i].sizes().slice(1).vec()});
  }
  FeatureWriter writer(out, *source, arrays);
  for_each_batch(model, source, reading, [&](const Batch& batch, const at::Tensor& images) {
    const std::vector<at::Tensor> features = selected(model, selection, images);
    for (std::size_t i = 0; i < features.size(); ++i) {
      require_features(model, batch, *source, features[i]);
      writer.append(
          i, {features[i].const_data_ptr<float>(), static_cast<std::size_t>(features[i].numel())});
    }
  });
  return writer.commit();
}

LabelledFeatures labelled_features(const FeatureModel& model,
                                   const std::shared_ptr<const ImageSource>& source,
                                   const ImageReading& reading) {
  if (source->size() == 0 || source->label(0) == ImageSource::kNoLabel) {
    throw UserError("classes are needed, found " + source->description() +
                    ": give a folder with one subfolder a class");
  }
  at::Tensor features;
  at::Tensor labels = at::empty({source->size()}, at::kLong);
  std::int64_t row = 0;
  for_each_batch(model, source, reading, [&](const Batch& batch, const at::Tensor& images) {
    const at::Tensor pooled = model.pooled(images);
    require_features(model, batch, *source, pooled);
    if (!features.defined()) features = at::empty({labels.size(0), pooled.size(1)});
    features.narrow(0, row, batch.count).copy_(pooled);
    std::ranges::copy(batch.labels, labels.mutable_data_ptr<std::int64_t>() + row);
    row += batch.count;
  });
  features = features.narrow(0, 0, row);
  labels = labels.narrow(0, 0, row);
  if (labels.min().item<std::int64_t>() < 0) {
    throw UserError("an image without a class is in " + source->description());
  }
  return {features, labels};
}

}  // namespace convmae
