#include "convmae/segment/segment_task.h"

#include "convmae/data/sample.h"
#include "convmae/model/dense/batch_norm.h"
#include "convmae/ops/device.h"
#include "convmae/segment/segmentor_groups.h"

#include <ATen/ATen.h>

namespace convmae {
namespace {

std::shared_ptr<Segmentor> placed_segmentor(const SegmentorConfig& config, const Compute& compute) {
  auto segmentor = std::make_shared<Segmentor>(config);
  place(*segmentor, compute);
  return segmentor;
}

}  // namespace

SegmentTask::SegmentTask(const SegmentOptions& options, const SegmentorConfig& config,
                         const Compute& compute)
    : options_(options),
      compute_(compute),
      segmentor_(placed_segmentor(config, compute)),
      optimizer_(segmentor_groups(*segmentor_, options.weight_decay, options.layer_decay),
                 AdamWOptions{.beta1 = options.beta1, .beta2 = options.beta2}),
      recompute_(options.recomputed()) {
  if (options.class_weights.empty()) return;
  class_weights_ = at::ones({config.num_classes}, at::device(compute.device).dtype(at::kFloat));
}

Loss SegmentTask::loss(const Batch& batch) {
  TORCH_CHECK(batch.padded, "a segmentor is trained on samples with label maps");
  PaddedBatch& padded = *batch.padded;
  const auto [height, width] = padded.size;
  const std::int64_t channels = options_.model_config.encoder.in_chans;
  const at::Tensor images =
      sent_to(compute_.device, at::from_blob(padded.pixels.data(),
                                             {batch.count, channels, height, width}, at::kFloat))
          .to(compute_.type);
  const at::Tensor labels = sent_to(
      compute_.device, at::from_blob(padded.maps.data(), {batch.count, height, width}, at::kShort));
  return segmentor_->loss(
      images, labels,
      {options_.seed, static_cast<std::uint64_t>(batch.epoch), batch.global_indices},
      {.average = parse_loss_average(options_.loss_average),
       .class_weights = class_weights_,
       .ignored = LabelMap::kIgnored},
      recompute_);
}

void SegmentTask::commit() { commit_statistics(*segmentor_); }
void SegmentTask::discard() { discard_statistics(*segmentor_); }
void SegmentTask::commit_if(const at::Tensor& admitted) {
  commit_statistics_if(*segmentor_, admitted);
}

FurtherState SegmentTask::further_state() {
  FurtherState state;
  if (class_weights_) state.tensors.emplace_back("class_weights", *class_weights_);
  return state;
}

}  // namespace convmae
