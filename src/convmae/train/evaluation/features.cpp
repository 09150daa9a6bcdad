#include "convmae/train/evaluation/features.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/loader.h"
#include "convmae/train/evaluation/batches.h"
#include "convmae/train/evaluation/feature_writer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace convmae {
namespace {

/// Calls `take(batch, images)` for all images in the source's order.
void for_each_batch(const FeatureModel& model, std::shared_ptr<const ImageSource> source,
                    const FeatureReading& reading,
                    const std::function<void(const Batch&, const at::Tensor&)>& take) {
  LoaderConfig config;
  config.batch_size = std::min(reading.batch_size, source->size());
  config.num_workers = static_cast<int>(reading.num_workers);
  config.shuffle = false;
  config.drop_last = false;
  // Another image in the place of a bad one would have features that are not its own.
  config.on_bad_sample = OnBadSample::error;
  Loader loader(std::move(source),
                evaluation_transform(model.preprocessing(), reading.exif_orientation),
                std::move(config));
  std::int64_t done = 0;
  while (const std::optional<Batch> batch = loader.next()) {
    take(*batch, images_of(*batch, model.preprocessing()));
    done += batch->count;
    if (reading.progress) reading.progress(done);
  }
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

}  // namespace

std::vector<std::filesystem::path> write_features(const FeatureModel& model,
                                                  std::shared_ptr<const ImageSource> source,
                                                  const FeatureSelection& selection,
                                                  const FeatureReading& reading,
                                                  const std::filesystem::path& out) {
  for (const std::int64_t stage : selection.stages) {
    if (stage < 1 || stage > model.stages()) {
      throw UserError("--stages takes numbers from 1 to " + std::to_string(model.stages()) +
                      " for this model, found " + std::to_string(stage));
    }
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
  for_each_batch(model, source, reading, [&](const Batch&, const at::Tensor& images) {
    const std::vector<at::Tensor> features = selected(model, selection, images);
    for (std::size_t i = 0; i < features.size(); ++i) {
      writer.append(
          i, {features[i].const_data_ptr<float>(), static_cast<std::size_t>(features[i].numel())});
    }
  });
  return writer.commit();
}

LabelledFeatures labelled_features(const FeatureModel& model,
                                   std::shared_ptr<const ImageSource> source,
                                   const FeatureReading& reading) {
  if (source->size() == 0 || source->label(0) == ImageSource::kNoLabel) {
    throw UserError("classes are needed, found " + source->description() +
                    ": give a folder with one subfolder a class");
  }
  at::Tensor features;
  at::Tensor labels = at::empty({source->size()}, at::kLong);
  std::int64_t row = 0;
  for_each_batch(model, source, reading, [&](const Batch& batch, const at::Tensor& images) {
    const at::Tensor pooled = model.pooled(images);
    if (!features.defined()) features = at::empty({labels.size(0), pooled.size(1)});
    features.narrow(0, row, batch.count).copy_(pooled);
    std::ranges::copy(batch.labels, labels.mutable_data_ptr<std::int64_t>() + row);
    row += batch.count;
  });
  if (labels.min().item<std::int64_t>() < 0) {
    throw UserError("an image without a class is in " + source->description());
  }
  return {features, labels};
}

}  // namespace convmae
