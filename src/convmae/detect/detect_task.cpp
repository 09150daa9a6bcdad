#include "convmae/detect/detect_task.h"

#include "convmae/data/objects/annotated_sample.h"
#include "convmae/detect/detector_groups.h"
#include "convmae/model/dense/batch_norm.h"
#include "convmae/ops/device.h"
#include "convmae/train/batches.h"

#include <ATen/ATen.h>

#include <array>
#include <cstddef>
#include <utility>

namespace convmae {
namespace {

/// A batch's pixels as a tensor [B, C, H, W] that shares their memory.
at::Tensor pixels_of(const Batch& batch, std::int64_t channels) {
  const Size size = batch.padded->size;
  return at::from_blob(
      batch.padded->pixels.data(), {batch.count, channels, size.height, size.width},
      [padded = batch.padded](void*) {}, at::kFloat);
}

}  // namespace

GeometryRecipe training_recipe(const DetectOptions& options) {
  const Size input = options.detector.encoder.img_size;
  const bool padded = options.detector.detection.rescaling == BoxRescaling::one_factor;
  const ResizeScale resize{input, options.jitter[0], options.jitter[1]};
  GeometryRecipe recipe{resize, FixedSizeCrop{input, padded}};
  if (options.flip) recipe.insert(padded ? recipe.end() : recipe.begin(), RandomMirror{});
  return recipe;
}

SampleRecipe training_samples(const DetectOptions& options,
                              std::shared_ptr<const AnnotatedImages> images) {
  const TransformConfig transform = evaluation_transform(options);
  return {annotated_samples(std::move(images),
                            {training_recipe(options), transform.decode, transform.normalisation}),
          transform.decode.channels, options.detector.encoder.img_size.height};
}

ObjectTargets targets_of(const Objects& objects) {
  const auto count = static_cast<std::int64_t>(objects.boxes.size());
  ObjectTargets targets = no_objects();
  if (count == 0) return targets;
  targets.boxes = at::empty({count, 4}, at::kFloat);
  auto* corner = targets.boxes.mutable_data_ptr<float>();
  for (const auto& [x, y, width, height] : objects.boxes) {
    for (const double value : {x, y, x + width, y + height}) *corner++ = static_cast<float>(value);
  }
  targets.classes = at::tensor(objects.classes, at::kLong);
  targets.masks = objects.masks;
  return targets;
}

DetectTask::DetectTask(const DetectOptions& options, const Compute& compute)
    : options_(options),
      compute_(compute),
      detector_(std::make_shared<Detector>(options.detector)),
      optimizer_(detector_groups(place(*detector_, compute), options.weight_decay,
                                 options.layer_decay, options.detector.encoder.depth[2]),
                 AdamWOptions{.beta1 = options.beta1, .beta2 = options.beta2}) {}

Loss DetectTask::loss(const Batch& batch) {
  const PaddedBatch& padded = *batch.padded;
  std::vector<ObjectTargets> targets;
  targets.reserve(padded.objects.size());
  for (const Objects& objects : padded.objects) targets.push_back(targets_of(objects));
  const bool again = options_.recompute;
  NamedTensors losses = detector_->losses(
      sent_to(compute_.device, pixels_of(batch, options_.detector.encoder.in_chans))
          .to(compute_.type),
      padded.contents, targets,
      {options_.seed, static_cast<std::uint64_t>(batch.epoch), batch.global_indices},
      {.drop_path_rate = options_.drop_path, .recompute = {again, again, again}});
  at::Tensor total = losses.front().second;
  for (std::size_t i = 1; i < losses.size(); ++i) total = total + losses[i].second;
  return {total, std::move(losses)};
}

void DetectTask::commit() { commit_statistics(*detector_); }

void DetectTask::discard() { discard_statistics(*detector_); }

void DetectTask::commit_if(const at::Tensor& admitted) {
  commit_statistics_if(*detector_, admitted);
}

}  // namespace convmae
