#include "convmae/segment/segmentor_inference.h"

#include "convmae/train/single_pass.h"

#include <ATen/ATen.h>

#include <utility>

namespace convmae {
namespace {

/// In evaluation mode for as long as this object lives.
class InEvaluation {
 public:
  explicit InEvaluation(Segmentor& segmentor)
      : segmentor_(segmentor), was_training_(segmentor.is_training()) {
    segmentor_.eval();
  }
  ~InEvaluation() { segmentor_.train(was_training_); }
  InEvaluation(const InEvaluation&) = delete;
  InEvaluation& operator=(const InEvaluation&) = delete;

 private:
  Segmentor& segmentor_;
  bool was_training_;
};

WholeImageConfig whole_image_config(const SegmentorInput& input, const ImageReading& reading) {
  WholeImageConfig config;
  const Preprocessing& preprocessing = input.preprocessing;
  config.decode = reading.decode;
  config.decode.channels = std::ssize(preprocessing.mean);
  config.normalisation.mean.assign(preprocessing.mean.begin(), preprocessing.mean.end());
  config.normalisation.std.assign(preprocessing.std.begin(), preprocessing.std.end());
  config.bounds = input.bounds;
  return config;
}

std::span<const std::int16_t> numbers_of_map(const at::Tensor& map) {
  return {map.const_data_ptr<std::int16_t>(), static_cast<std::size_t>(map.numel())};
}

using MakeWholes = std::function<SampleLoader<WholeImage>::Make()>;

void segment_wholes(Segmentor& segmentor, const SegmentorInput& input,
                    const std::shared_ptr<const ImageSource>& source, MakeWholes maker,
                    ImageReading reading, const SegmentedImageSink& sink) {
  const at::NoGradGuard no_grad;
  const InEvaluation mode(segmentor);
  reading.batch_size = 1;  // of different sizes
  SampleLoader<WholeImage> loader(source, std::move(maker), single_pass(reading, source->size()));
  const std::int64_t channels = std::ssize(input.preprocessing.mean);
  std::int64_t done = 0;
  while (std::optional<SampleLoader<WholeImage>::Batch> batch = loader.next()) {
    for (std::size_t i = 0; i < batch->made.size(); ++i) {
      WholeImage& whole = batch->made[i];
      const at::Tensor pixels =
          at::from_blob(whole.pixels.data(), {channels, whole.size.height, whole.size.width},
                        at::kFloat)
              .to(input.compute.device, input.compute.type);
      const at::Tensor classes =
          slide(segmentor, pixels, whole.original, input.viewing).to(at::kShort).contiguous();
      SegmentedImage found{.sample = batch->samples[i],
                           .size = whole.original,
                           .predicted = numbers_of_map(classes),
                           .labels = {}};
      if (whole.labels) found.labels = whole.labels->classes;
      sink(found);
      if (reading.progress) reading.progress(++done);
    }
  }
}

}  // namespace

void segment_images(Segmentor& segmentor, const SegmentorInput& input,
                    const std::shared_ptr<const ImageSource>& source, const ImageReading& reading,
                    const SegmentedImageSink& sink) {
  segment_wholes(segmentor, input, source, whole_images(whole_image_config(input, reading)),
                 reading, sink);
}

void segment_labelled(Segmentor& segmentor, const SegmentorInput& input, const LabelledPairs& data,
                      const ImageReading& reading, const SegmentedImageSink& sink) {
  segment_wholes(segmentor, input, data.pairs,
                 whole_images(data.pairs, data.scheme, whole_image_config(input, reading)), reading,
                 sink);
}

SegmentationMetrics evaluate_segmentor(Segmentor& segmentor, const SegmentorInput& input,
                                       const LabelledPairs& data, const ImageReading& reading,
                                       const SegmentedImageSink& sink) {
  SegmentationMetrics metrics(segmentor.config().num_classes);
  segment_labelled(segmentor, input, data, reading, [&](const SegmentedImage& found) {
    metrics.add(found.predicted, found.labels, LabelMap::kIgnored);
    if (sink) sink(found);
  });
  sum_counters_over_processes(reading, metrics);
  return metrics;
}

}  // namespace convmae
