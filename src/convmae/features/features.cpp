#include "convmae/features/features.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/sources/image_subset.h"
#include "convmae/dist/process_group.h"
#include "convmae/features/feature_writer.h"
#include "convmae/train/finite.h"
#include "convmae/train/image_rows.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
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
  ImageRows rows(source->size());
  for_each_batch(model, source, reading,
                 [&](const Batch& batch, const at::Tensor&) { rows.of(batch); });
  const at::Tensor usable = rows.share(reading);
  if (usable.size(0) == source->size()) return source;
  const auto* const first = usable.const_data_ptr<std::int64_t>();
  return std::make_shared<ImageSubset>(std::move(source),
                                       std::vector<std::int64_t>(first, first + usable.size(0)));
}

at::Tensor blank_image(const FeatureModel& model) {
  const Preprocessing& preprocessing = model.preprocessing();
  return at::zeros(
      {1, std::ssize(preprocessing.mean), preprocessing.size.height, preprocessing.size.width});
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

/// How many batches the process has that has the most.
std::int64_t rounds_of(const ImageReading& reading, std::int64_t images) {
  const std::int64_t shared = std::min(reading.batch_size, images) * reading.group->size();
  return (images + shared - 1) / shared;
}

/// Appends the features of a batch, or where processes take turns with these, in the first one
/// those of all.
void append(ProcessGroup* group, std::optional<FeatureWriter>& writer, std::size_t array,
            const at::Tensor& features) {
  const auto bytes = static_cast<std::size_t>(features.numel()) * sizeof(float);
  const auto* const values = features.const_data_ptr<float>();
  if (group == nullptr) {
    writer->append(array, {values, bytes / sizeof(float)});
    return;
  }
  for (const std::string& its : group->gather({reinterpret_cast<const char*>(values), bytes})) {
    std::vector<float> copy(its.size() / sizeof(float));
    std::memcpy(copy.data(), its.data(), its.size());
    writer->append(array, copy);
  }
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
  std::vector<FeatureArray> arrays;
  const std::vector<at::Tensor> examples = selected(model, selection, blank_image(model));
  for (std::size_t i = 0; i < examples.size(); ++i) {
    arrays.push_back(
        {"stage" + std::to_string(selection.stages[i]), examples[i].sizes().slice(1).vec()});
  }
  std::optional<FeatureWriter> writer;
  if (reading.group == nullptr || reading.group->is_first()) writer.emplace(out, *source, arrays);
  std::int64_t rounds = 0;
  for_each_batch(model, source, reading, [&](const Batch& batch, const at::Tensor& images) {
    const std::vector<at::Tensor> features = selected(model, selection, images);
    for (std::size_t i = 0; i < features.size(); ++i) {
      require_features(model, batch, *source, features[i]);
      append(reading.group, writer, i, features[i]);
    }
    ++rounds;
  });
  if (reading.group != nullptr && rounds < rounds_of(reading, source->size())) {
    // The last images are those of others.
    for (std::size_t i = 0; i < arrays.size(); ++i) append(reading.group, writer, i, at::empty(0));
  }
  return writer ? writer->commit() : std::vector<std::filesystem::path>();
}

LabelledFeatures labelled_features(const FeatureModel& model,
                                   const std::shared_ptr<const ImageSource>& source,
                                   const ImageReading& reading) {
  if (source->size() == 0 || source->label(0) == ImageSource::kNoLabel) {
    throw UserError("classes are needed, found " + source->description() +
                    ": give a folder with one subfolder a class");
  }
  at::Tensor features;
  const auto reserve = [&](const at::Tensor& pooled) {
    if (!features.defined()) features = at::zeros({source->size(), pooled.size(1)});
  };
  at::Tensor labels = at::zeros({source->size()}, at::kLong);
  ImageRows all_rows(source->size());
  for_each_batch(model, source, reading, [&](const Batch& batch, const at::Tensor& images) {
    const at::Tensor pooled = model.pooled(images);
    require_features(model, batch, *source, pooled);
    reserve(pooled);
    const at::Tensor rows = all_rows.of(batch);
    features.index_copy_(0, rows, pooled);
    labels.index_copy_(0, rows, at::tensor(batch.labels));
  });
  // Of several processes one may have no image.
  if (!features.defined()) reserve(model.pooled(blank_image(model)));
  const at::Tensor counted = all_rows.share(reading, {features, labels});
  features = features.index_select(0, counted);
  labels = labels.index_select(0, counted);
  if (labels.min().item<std::int64_t>() < 0) {
    throw UserError("an image without a class is in " + source->description());
  }
  return {features, labels};
}

}  // namespace convmae
