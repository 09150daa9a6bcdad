#include "convmae/benchmark/step_workload.h"
#include "convmae/detect/detector.h"
#include "convmae/detect/initialise_detector.h"
#include "convmae/model/dense/batch_norm.h"
#include "convmae/segment/segmentor.h"

#include <ATen/ATen.h>

#include <array>
#include <numeric>
#include <vector>

namespace convmae {
namespace {

BatchKey batch_key(const StepBenchmarkOptions& options) {
  BatchKey key{.seed = options.seed, .epoch = 0, .positions = {}};
  key.positions.resize(static_cast<std::size_t>(options.batch_size));
  std::iota(key.positions.begin(), key.positions.end(), std::int64_t{0});
  return key;
}

std::array<bool, 3> recomputed_stages(const StepBenchmarkOptions& options) {
  return {options.recompute, options.recompute, options.recompute};
}

/// As many objects as an image of COCO has on average, of all sizes, each a box with its corners
/// cut off.
ObjectTargets some_objects(const DetectorConfig& config) {
  constexpr std::int64_t kObjects = 7;
  const Size image = config.encoder.img_size;
  const auto width = static_cast<double>(image.width);
  const auto height = static_cast<double>(image.height);
  ObjectTargets objects = no_objects();
  std::vector<float> boxes;
  for (std::int64_t i = 0; i < kObjects; ++i) {
    const double share = static_cast<double>(i + 1) / (kObjects + 1);
    const double left = width * share / 2;
    const double top = height * (1 - share) / 2;
    const double w = width * share / 2;
    const double h = height * share / 2;
    for (const double side : {left, top, left + w, top + h}) {
      boxes.push_back(static_cast<float>(side));
    }
    objects.masks.emplace_back(std::vector<Polygon>{
        {left + w / 2, top, left + w, top + h / 2, left + w / 2, top + h, left, top + h / 2}});
  }
  objects.boxes = at::tensor(boxes).view({kObjects, 4});
  objects.classes = at::arange(kObjects, at::kLong).remainder(config.num_classes);
  return objects;
}

}  // namespace

StepWorkload detection_workload(const StepBenchmarkOptions& options) {
  const DetectorConfig& config = options.detector;
  const auto key = batch_key(options);
  const std::array<bool, 3> recompute = recomputed_stages(options);
  const at::Tensor images = random_images(options, config.encoder).to(options.compute.type);
  if (options.backbone_alone) {
    const auto holder = std::make_shared<torch::nn::Module>();
    const auto backbone =
        holder->register_module("backbone", std::make_shared<PyramidBackbone>(config));
    initialise_detector(*holder, config, options.seed);
    place(*holder, options.compute);
    return {holder,
            [=] {
              at::Tensor sum = at::zeros({}, images.options().dtype(at::kFloat));
              for (const at::Tensor& level : backbone->forward(images, {{}, recompute})) {
                sum = sum + level.sum(at::kFloat);
              }
              discard_statistics(*backbone);
              return sum;
            },
            nullptr};
  }
  const auto detector = std::make_shared<Detector>(config);
  detector->initialise(options.seed);
  place(*detector, options.compute);
  const std::vector<Size> sizes(static_cast<std::size_t>(options.batch_size),
                                config.encoder.img_size);
  const std::vector<ObjectTargets> targets(static_cast<std::size_t>(options.batch_size),
                                           some_objects(config));
  return {detector,
          [=] {
            at::Tensor sum = at::zeros({}, images.options().dtype(at::kFloat));
            for (const auto& [name, loss] :
                 detector->losses(images, sizes, targets, key, {.recompute = recompute})) {
              sum = sum + loss;
            }
            discard_statistics(*detector);
            return sum;
          },
          nullptr};
}

StepWorkload segmentation_workload(const StepBenchmarkOptions& options) {
  const SegmentorConfig& config = options.segmentor;
  require_batch(config, options.batch_size);
  const auto segmentor = std::make_shared<Segmentor>(config);
  segmentor->initialise(options.seed);
  place(*segmentor, options.compute);
  const at::Tensor images = random_images(options, config.encoder).to(options.compute.type);
  const at::Tensor labels =
      at::randint(config.num_classes, {images.size(0), images.size(2), images.size(3)}, at::kLong)
          .to(options.compute.device);
  return {segmentor,
          [=, key = batch_key(options)] {
            at::Tensor loss = segmentor->loss(images, labels, key).total;
            discard_statistics(*segmentor);
            return loss;
          },
          nullptr};
}

}  // namespace convmae
