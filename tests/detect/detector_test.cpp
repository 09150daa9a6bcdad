#include "convmae/detect/detector.h"

#include "convmae/model/dense/batch_norm.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/small_detectors.h"
#include <cmath>
#include <map>

namespace convmae {
namespace {

using testing::ElementsAre;

std::shared_ptr<Detector> make_detector(const DetectorConfig& config) {
  auto detector = std::make_shared<Detector>(config);
  detector->initialise(5);
  return detector;
}

/// Two images, of which the second is smaller, and what they show.
struct Scene {
  at::Tensor images = at::sin(at::arange(2 * 3 * 64 * 96, at::kFloat)).view({2, 3, 64, 96});
  std::vector<Size> sizes{{64, 96}, {48, 80}};
  std::vector<ObjectTargets> objects{
      {at::tensor({8.F, 8.F, 40.F, 40.F, 50.F, 10.F, 90.F, 60.F}).view({2, 4}),
       at::tensor({1, 3}, at::kLong),
       {std::vector<Polygon>{{8, 8, 40, 8, 40, 40}},
        std::vector<Polygon>{{50, 10, 90, 10, 90, 60, 50, 60}}}},
      {at::tensor({4.F, 4.F, 30.F, 44.F}).view({1, 4}),
       at::tensor({0}, at::kLong),
       {std::vector<Polygon>{{4, 4, 30, 4, 30, 44, 4, 44}}}}};
  BatchKey key{3, 1, {10, 11}};

  NamedTensors losses(Detector& detector, const TrainingPassOptions& options = {}) const {
    return detector.losses(images, sizes, objects, key, options);
  }
};

at::Tensor total(const NamedTensors& losses) {
  at::Tensor sum = at::zeros({});
  for (const auto& [name, loss] : losses) {
    EXPECT_TRUE(std::isfinite(loss.item<float>())) << name;
    sum = sum + loss;
  }
  return sum;
}

double value(const NamedTensors& losses, const std::string& name) {
  for (const auto& [key, loss] : losses) {
    if (key == name) return loss.item<double>();
  }
  ADD_FAILURE() << "no loss " << name;
  return 0;
}

std::map<std::string, at::Tensor> gradients(Detector& detector, const NamedTensors& losses) {
  detector.zero_grad();
  total(losses).backward();
  std::map<std::string, at::Tensor> result;
  for (const auto& p : detector.named_parameters()) {
    if (!p.value().requires_grad()) continue;
    EXPECT_TRUE(p.value().grad().defined()) << p.key();
    if (!p.value().grad().defined()) continue;
    EXPECT_TRUE(p.value().grad().isfinite().all().item<bool>()) << p.key();
    result[p.key()] = p.value().grad().clone();
  }
  return result;
}

class EachDetector : public testing::TestWithParam<std::string> {
 protected:
  DetectorConfig config_ = small_detector(GetParam());
  Scene scene_;
};

INSTANTIATE_TEST_SUITE_P(Detectors, EachDetector, testing::ValuesIn(detector_names()));

TEST_P(EachDetector, LearnsFromEverything) {
  config_.proposals.batch = 5000;  // anchors of the coarsest level too
  const auto detector = make_detector(config_);
  const NamedTensors losses = scene_.losses(*detector);
  std::vector<std::string> names;
  for (const auto& [name, loss] : losses) names.push_back(name);
  EXPECT_THAT(names,
              ElementsAre("loss_rpn_cls", "loss_rpn_loc", "loss_cls", "loss_box_reg", "loss_mask"));
  for (const auto& [name, loss] : losses) EXPECT_GT(loss.item<float>(), 0) << name;
  for (const auto& [name, gradient] : gradients(*detector, losses)) {
    EXPECT_GT(gradient.abs().max().item<float>(), 0) << name;
  }
}

TEST_P(EachDetector, GivesTheSameForTheSameKey) {
  const auto detector = make_detector(config_);
  const TrainingPassOptions dropping{.drop_path_rate = 0.3};
  const auto once = gradients(*detector, scene_.losses(*detector, dropping));
  discard_statistics(*detector);
  const auto again = gradients(*detector, scene_.losses(*detector, dropping));
  for (const auto& [name, gradient] : once)
    EXPECT_TRUE(at::equal(gradient, again.at(name))) << name;
  const auto recomputed =
      gradients(*detector,
                scene_.losses(*detector, {.drop_path_rate = 0.3, .recompute = {true, true, true}}));
  for (const auto& [name, gradient] : once) {
    EXPECT_TRUE(at::allclose(gradient, recomputed.at(name), 1e-4, 1e-7)) << name;
  }
  scene_.key.epoch = 2;
  EXPECT_NE(value(scene_.losses(*detector, dropping), "loss_cls"),
            value(make_detector(config_)->losses(scene_.images, scene_.sizes, scene_.objects,
                                                 {3, 1, {10, 11}}, dropping),
                  "loss_cls"));
}

TEST_P(EachDetector, HasFiniteLossesWithoutAnyObject) {
  const auto detector = make_detector(config_);
  scene_.objects = {no_objects(), no_objects()};
  const NamedTensors losses = scene_.losses(*detector);
  EXPECT_EQ(value(losses, "loss_mask"), 0);
  EXPECT_EQ(value(losses, "loss_box_reg"), 0);
  EXPECT_GT(value(losses, "loss_cls"), 0);
  const auto found = gradients(*detector, losses);
  EXPECT_EQ(found.at("roi_heads.mask_head.predictor.weight").abs().max().item<float>(), 0);
}

TEST_P(EachDetector, HasFiniteLossesWithoutAnyProposalToo) {
  config_.proposals.min_box_size = 1e6;
  const auto detector = make_detector(config_);
  scene_.objects = {no_objects(), no_objects()};
  const NamedTensors losses = scene_.losses(*detector);
  EXPECT_EQ(value(losses, "loss_cls"), 0);
  gradients(*detector, losses);
  detector->eval();
  for (const Detections& found : detector->detect(scene_.images, scene_.sizes)) {
    EXPECT_EQ(found.boxes.sizes(), at::IntArrayRef({0, 4}));
    EXPECT_EQ(found.masks.sizes(), at::IntArrayRef({0, 12, 12}));
  }
}

TEST_P(EachDetector, LearnsMasksFromObjectsThatHaveOne) {
  const auto detector = make_detector(config_);
  const double all = value(scene_.losses(*detector), "loss_mask");
  scene_.objects[0].masks[1] = std::monostate();
  const double some = value(scene_.losses(*detector), "loss_mask");
  EXPECT_GT(some, 0);
  EXPECT_NE(some, all);
  for (ObjectTargets& objects : scene_.objects) objects.masks.clear();
  const NamedTensors none = scene_.losses(*detector);
  EXPECT_EQ(value(none, "loss_mask"), 0);
  EXPECT_GT(value(none, "loss_box_reg"), 0);
}

TEST_P(EachDetector, WorksWithoutAMaskHead) {
  config_.roi.masks = false;
  const auto detector = make_detector(config_);
  const NamedTensors losses = scene_.losses(*detector);
  EXPECT_EQ(losses.size(), 4U);
  gradients(*detector, losses);
  detector->eval();
  for (const Detections& found : detector->detect(scene_.images, scene_.sizes)) {
    EXPECT_FALSE(found.masks.defined());
  }
}

TEST_P(EachDetector, DetectsWithinItsImages) {
  config_.detection.score_thresh = 0;
  const auto detector = make_detector(config_);
  detector->eval();
  detector->to(at::kDouble);
  scene_.images = scene_.images.to(at::kDouble);
  const auto found = detector->detect(scene_.images, scene_.sizes);
  ASSERT_EQ(found.size(), 2U);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Detections& own = found[i];
    const std::int64_t count = own.boxes.size(0);
    EXPECT_EQ(count, config_.detection.topk_per_image);
    EXPECT_EQ(own.masks.sizes(), at::IntArrayRef({count, 12, 12}));
    EXPECT_GE(own.boxes.min().item<float>(), 0);
    EXPECT_LE(own.boxes.select(1, 2).max().item<float>(), scene_.sizes[i].width);
    EXPECT_LE(own.boxes.select(1, 3).max().item<float>(), scene_.sizes[i].height);
    EXPECT_TRUE(own.scores.diff().le(0).all().item<bool>());
    EXPECT_GE(own.masks.min().item<float>(), 0);
    EXPECT_LE(own.masks.max().item<float>(), 1);
    EXPECT_LT(own.classes.max().item<std::int64_t>(), config_.num_classes);
  }
  // An image by itself gives the same.
  const auto alone = detector->detect(scene_.images.narrow(0, 1, 1), {scene_.sizes.data() + 1, 1});
  EXPECT_TRUE(at::allclose(alone[0].scores, found[1].scores, 1e-4, 1e-6));
}

TEST_P(EachDetector, ComputesInTheTypeOfItsImages) {
  const auto detector = make_detector(config_);
  const auto exact = total(scene_.losses(*detector)).item<double>();
  scene_.images = scene_.images.to(at::kBFloat16);
  const NamedTensors losses = scene_.losses(*detector);
  for (const auto& [name, loss] : losses) EXPECT_EQ(loss.scalar_type(), at::kFloat) << name;
  EXPECT_NEAR(total(losses).item<double>(), exact, 0.1 * exact);
  for (const auto& [name, gradient] : gradients(*detector, losses)) {
    EXPECT_EQ(gradient.scalar_type(), at::kFloat) << name;
  }
}

TEST(Detector, KeepsStatisticsUntilItsStepIsTaken) {
  const auto detector = make_detector(small_detector("alpha"));
  const Scene scene;
  const auto buffers = [&] {
    std::vector<at::Tensor> copies;
    for (const at::Tensor& buffer : detector->buffers()) copies.push_back(buffer.clone());
    return copies;
  };
  const auto moved = [&](const std::vector<at::Tensor>& before) {
    std::size_t count = 0;
    const auto now = buffers();
    for (std::size_t i = 0; i < now.size(); ++i) count += at::equal(now[i], before[i]) ? 0 : 1;
    return count;
  };
  const auto before = buffers();
  scene.losses(*detector);
  discard_statistics(*detector);
  commit_statistics(*detector);
  EXPECT_EQ(moved(before), 0U);
  scene.losses(*detector);
  commit_statistics(*detector);
  EXPECT_EQ(moved(before), before.size());
}

TEST(Detector, RefusesWhatDoesNotBelongTogether) {
  const auto detector = make_detector(small_detector("alpha"));
  const Scene scene;
  EXPECT_THROW(detector->detect(scene.images, {scene.sizes.data(), 1}), c10::Error);
  EXPECT_THROW(
      detector->losses(scene.images, scene.sizes, {scene.objects.data(), 1}, {3, 1, {10, 11}}),
      c10::Error);
}

}  // namespace
}  // namespace convmae
