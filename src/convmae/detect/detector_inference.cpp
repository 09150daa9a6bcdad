#include "convmae/detect/detector_inference.h"

#include "convmae/data/objects/image_sample.h"
#include "convmae/detect/paste_masks.h"
#include "convmae/train/single_pass.h"

#include <ATen/ATen.h>

#include <utility>

namespace convmae {
namespace {

/// What the recipe and the preprocessing say, with the channels that the latter is for.
ImageSampleConfig sample_config(const DetectorInput& input, const DecodeOptions& decode) {
  ImageSampleConfig config{input.recipe, decode, {}};
  config.decode.channels = std::ssize(input.preprocessing.mean);
  for (const double mean : input.preprocessing.mean) {
    config.normalisation.mean.push_back(static_cast<float>(mean));
  }
  for (const double spread : input.preprocessing.std) {
    config.normalisation.std.push_back(static_cast<float>(spread));
  }
  return config;
}

/// Samples in the upper left corners of images [B, C, H, W] of zeros.
at::Tensor padded_images(std::span<Sample> samples, std::int64_t channels, Size size) {
  at::Tensor images = at::zeros({std::ssize(samples), channels, size.height, size.width});
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Size own = samples[i].size;
    TORCH_CHECK(own.height <= size.height && own.width <= size.width, "a sample of ",
                size_text(own), " pixels for a network of ", size_text(size));
    images[static_cast<std::int64_t>(i)]
        .narrow(1, 0, own.height)
        .narrow(2, 0, own.width)
        .copy_(at::from_blob(samples[i].pixels.data(), {channels, own.height, own.width}));
  }
  return images;
}

FoundImage found_in(const Detections& detections, const Sample& sample,
                    const DetectionConfig& config) {
  const Detections scaled =
      rescale_detections(detections, sample.size, sample.original, config.rescaling);
  const at::Tensor boxes = scaled.boxes.to(at::kCPU, at::kFloat).contiguous();
  const at::Tensor scores = scaled.scores.to(at::kCPU, at::kFloat).contiguous();
  const at::Tensor classes = scaled.classes.to(at::kCPU, at::kLong).contiguous();
  FoundImage found;
  found.size = sample.original;
  found.objects.resize(static_cast<std::size_t>(boxes.size(0)));
  const auto* corner = boxes.const_data_ptr<float>();
  for (std::size_t i = 0; i < found.objects.size(); ++i, corner += 4) {
    FoundObject& object = found.objects[i];
    // Width and height are subtracted in float32, as the published evaluators do.
    object.box = {corner[0], corner[1], corner[2] - corner[0], corner[3] - corner[1]};
    object.category = classes.const_data_ptr<std::int64_t>()[i];
    object.score = scores.const_data_ptr<float>()[i];
  }
  if (!scaled.masks.defined()) return found;
  std::vector<coco::Rle> masks =
      paste_masks(scaled.masks.to(at::kCPU), boxes, sample.original, config.mask_threshold);
  for (std::size_t i = 0; i < masks.size(); ++i) found.objects[i].mask = std::move(masks[i]);
  return found;
}

/// Evaluation mode for as long as it lives.
class EvaluationMode {
 public:
  explicit EvaluationMode(torch::nn::Module& model)
      : model_(model), was_training_(model.is_training()) {
    model.eval();
  }
  ~EvaluationMode() { model_.train(was_training_); }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  torch::nn::Module& model_;
  bool was_training_;
};

void detect_samples(Detector& detector, const DetectorInput& input,
                    const std::shared_ptr<const ImageSource>& source, const ImageReading& reading,
                    std::function<SampleLoader<Sample>::Make()> maker, const FoundImageSink& sink) {
  const EvaluationMode evaluation(detector);
  const DetectorConfig& config = detector.config();
  SampleLoader<Sample> loader(source, std::move(maker), single_pass(reading, source->size()));
  std::int64_t done = 0;
  while (std::optional<SampleLoader<Sample>::Batch> batch = loader.next()) {
    std::vector<Size> sizes;
    sizes.reserve(batch->made.size());
    for (const Sample& sample : batch->made) sizes.push_back(sample.size);
    const at::Tensor images =
        padded_images(batch->made, std::ssize(input.preprocessing.mean), config.encoder.img_size);
    const std::vector<Detections> detections =
        detector.detect(images.to(input.compute.device, input.compute.type), sizes);
    for (std::size_t i = 0; i < detections.size(); ++i) {
      FoundImage found = found_in(detections[i], batch->made[i], config.detection);
      found.sample = batch->samples[i];
      sink(found);
    }
    done += std::ssize(detections);
    if (reading.progress) reading.progress(done);
  }
}

}  // namespace

GeometryRecipe test_recipe(const DetectorConfig& config) {
  const Size input = config.encoder.img_size;
  const bool padded = config.detection.rescaling == BoxRescaling::one_factor;
  if (input.height == input.width) {
    return padded ? test_padded(input.width) : test_unpadded(input.width, input.width);
  }
  // The published recipes are for squares.
  GeometryRecipe recipe{ResizeScale{input, 1, 1}};
  if (padded) recipe.emplace_back(FixedSizeCrop{input});
  return recipe;
}

void detect_images(Detector& detector, const DetectorInput& input,
                   const std::shared_ptr<const ImageSource>& source, const ImageReading& reading,
                   const FoundImageSink& sink) {
  detect_samples(detector, input, source, reading,
                 image_samples(sample_config(input, reading.decode)), sink);
}

void detect_annotated(Detector& detector, const DetectorInput& input,
                      const std::shared_ptr<const AnnotatedImages>& images,
                      const ImageReading& reading, const FoundImageSink& sink) {
  const auto check_size = [images](std::int64_t index, Size upright) {
    images->require_size(index, upright);
  };
  detect_samples(detector, input, images, reading,
                 image_samples(sample_config(input, reading.decode), check_size), sink);
}

std::vector<coco::ResultLine> result_lines(
    const FoundImage& found, std::int64_t image_id,
    std::span<const std::optional<std::int64_t>> category_ids) {
  std::vector<coco::ResultLine> lines;
  lines.reserve(found.objects.size());
  for (const FoundObject& object : found.objects) {
    const std::optional<std::int64_t>& id = category_ids[static_cast<std::size_t>(object.category)];
    if (id) lines.push_back({image_id, *id, object.box, object.score, object.mask});
  }
  return lines;
}

}  // namespace convmae
