#include "convmae/detect/detector.h"
#include "convmae/model/dense/batch_norm.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/processes.h"
#include "support/shared_training.h"
#include "support/small_detectors.h"
#include <vector>

/// Several processes train a detector.
namespace convmae {
namespace {

using testing::Each;

/// What samples show: an object that moves with the position, with a mask, and every third time a
/// second one without.
ObjectTargets objects_at(std::int64_t position) {
  const auto left = static_cast<float>(4 + position % 40);
  ObjectTargets objects = no_objects();
  objects.boxes = at::tensor({left, 8.F, left + 30, 44.F}).view({1, 4});
  objects.classes = at::tensor({position % 4}, at::kLong);
  objects.masks.emplace_back(std::vector<Polygon>{{left, 8, left + 30, 8, left + 30, 44}});
  if (position % 3 == 0) {
    objects.boxes = at::cat({objects.boxes, at::tensor({50.F, 20.F, 90.F, 60.F}).view({1, 4})});
    objects.classes = at::cat({objects.classes, at::tensor({3}, at::kLong)});
    objects.masks.emplace_back();
  }
  return objects;
}

using ObjectsAt = std::function<ObjectTargets(std::int64_t position)>;

Trained train_detector_on(const DetectorConfig& config, const SharedTraining& training,
                          ProcessGroup* group, const ObjectsAt& objects = objects_at) {
  const auto detector = std::make_shared<Detector>(config);
  detector->initialise(5);
  detector->to(at::kDouble);
  set_process_group(*detector, group);
  ModuleTask task(detector, [&](const Batch& batch) -> Loss {
    const Size size = config.encoder.img_size;
    const std::vector<Size> sizes(static_cast<std::size_t>(batch.count), size);
    std::vector<ObjectTargets> targets;
    targets.reserve(sizes.size());
    for (const std::int64_t position : batch.global_indices) targets.push_back(objects(position));
    NamedTensors losses = detector->losses(images_at(batch, size), sizes, targets,
                                           batch_key_of(batch), {.drop_path_rate = 0.2});
    at::Tensor total = at::zeros({}, at::kFloat);
    for (const auto& [name, loss] : losses) total = total + loss;
    return {total, std::move(losses)};
  });
  return train(training, task, group);
}

/// Whether all processes have the same, and numbers.
bool agree(const Trained& trained, ProcessGroup& group) {
  bool well = true;
  for (const auto& [name, tensor] : trained.tensors) {
    const at::Tensor first = tensor.detach().clone();
    group.broadcast(first);
    well = well && at::equal(first, tensor) && at::isfinite(first).all().item<bool>();
  }
  return well;
}

TEST(DetectorProcesses, TrainWhatOneWouldInAsManyMicroBatches) {
  // Without batch norm. Losses are divided by what a micro-batch has sampled.
  at::set_num_threads(1);
  const DetectorConfig config = small_detector("official");
  const Trained alone = train_detector_on(config, {.images_a_step = 4, .accum_iter = 2}, nullptr);
  EXPECT_NE(alone.losses.back(), alone.losses.front());
  const auto work = [&](ProcessGroup& group) {
    return difference(train_detector_on(config, {.images_a_step = 4}, &group), alone) < 1e-9;
  };
  EXPECT_THAT(run_processes(2, work), Each(0));
}

class EachSharedDetector : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Detectors, EachSharedDetector, testing::ValuesIn(detector_names()));

TEST_P(EachSharedDetector, GoesOnWhereAProcessHasNoObject) {
  const auto work = [](ProcessGroup& group) {
    const SharedTraining training{.images_a_step = 4, .steps = 4};
    // The last two of every four images are those of process 1.
    const Trained trained =
        train_detector_on(small_detector(GetParam()), training, &group, [](std::int64_t position) {
          return position % 4 < 2 ? objects_at(position) : no_objects();
        });
    return trained.losses.size() == 4 && agree(trained, group);
  };
  EXPECT_THAT(run_processes(2, work), Each(0));
}

TEST_P(EachSharedDetector, GoesOnWhereAProcessHasNoBox) {
  const auto work = [](ProcessGroup& group) {
    const SharedTraining training{.images_a_step = 4, .steps = 4};
    DetectorConfig config = small_detector(GetParam());
    if (!group.is_first()) config.proposals.min_box_size = 1e6;
    const auto objects = [&](std::int64_t position) {
      return group.is_first() ? objects_at(position) : no_objects();
    };
    const Trained trained = train_detector_on(config, training, &group, objects);
    return trained.losses.size() == 4 && agree(trained, group);
  };
  EXPECT_THAT(run_processes(2, work), Each(0));
}

}  // namespace
}  // namespace convmae
