#include "convmae/coco/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coco_files.h"
#include <limits>

namespace convmae::coco {
namespace {

using testing::ElementsAre;

class EvaluationTest : public testing::Test, public test::CocoFiles {
 protected:
  /// A dog; `more` are further members.
  static std::string object(int id, int image, const std::string& box,
                            const std::string& more = "") {
    return R"({"category_id": 3, "id": )" + std::to_string(id) + R"(, "image_id": )" +
           std::to_string(image) + R"(, "bbox": )" + box + more + "}";
  }
  static std::string detection(int image, const std::string& box, double score,
                               const std::string& more = "") {
    return R"({"category_id": 3, "image_id": )" + std::to_string(image) + R"(, "bbox": )" + box +
           R"(, "score": )" + std::to_string(score) + more + "}";
  }
  Evaluation evaluate(const std::string& objects, const std::string& detections,
                      IouType type = IouType::boxes) const {
    const Dataset truth = dataset(objects);
    return {truth, results(detections, truth), {type, false}};
  }
};

constexpr const char* kBox = "[10, 10, 40, 40]";
constexpr const char* kElsewhere = "[60, 60, 30, 30]";
/// What pycocotools makes of 1 / 1: its formula adds an epsilon to the divisor.
constexpr double kOne = 1 - std::numeric_limits<double>::epsilon();
constexpr std::size_t kDog = 0;
constexpr std::size_t kCat = 1;

TEST_F(EvaluationTest, ObjectsAgainstThemselvesAreAllFound) {
  // An id of 0 is one as any other.
  const Evaluation result = evaluate(object(0, 1, kBox) + "," + object(1, 2, kElsewhere),
                                     detection(2, kElsewhere, 0.5) + "," + detection(1, kBox, 0.5));
  EXPECT_THAT(result.stats(), ElementsAre(1, 1, 1, kOne, kOne, -1, 1, 1, 1, 1, 1, -1));
  EXPECT_EQ(result.category_ap(kDog), 1);
  EXPECT_EQ(result.category_ap50(kDog), 1);
  EXPECT_EQ(result.category_ar(kDog), 1);
  EXPECT_EQ(result.category_ap(kCat), std::nullopt) << "there are no cats";
}

TEST_F(EvaluationTest, AFalseDetectionBeforeATrueOneHalvesThePrecision) {
  const Evaluation result =
      evaluate(object(1, 1, kBox), detection(1, kElsewhere, 0.9) + "," + detection(1, kBox, 0.8));
  EXPECT_EQ(result.precision(0, 50, kDog, 0, 2), 0.5);
  EXPECT_EQ(result.score(0, 50, kDog, 0, 2), 0.8);
  EXPECT_EQ(result.score(0, 0, kDog, 0, 2), 0.9) << "recall 0 is there from the first on";
  EXPECT_EQ(result.recall(0, kDog, 0, 0), 0) << "one detection an image is the false one";
  EXPECT_EQ(result.recall(0, kDog, 0, 1), 1);
}

TEST_F(EvaluationTest, ADetectionThatIsTooManyIsFalse) {
  const Evaluation result = evaluate(
      object(1, 1, kBox) + "," + object(2, 2, kBox),
      detection(1, kBox, 0.9) + "," + detection(1, kBox, 0.8) + "," + detection(2, kBox, 0.7));
  EXPECT_EQ(result.precision(0, 100, kDog, 0, 2), 2.0 / 3);
}

TEST_F(EvaluationTest, CrowdsTakeAnyNumberAndCountForNothing) {
  const Evaluation result =
      evaluate(object(1, 1, kBox) + "," + object(2, 1, "[50, 50, 50, 50]", R"(, "iscrowd": 1)"),
               detection(1, kElsewhere, 0.9) + "," + detection(1, kElsewhere, 0.8) + "," +
                   detection(1, kBox, 0.7));
  EXPECT_EQ(result.stats()[0], kOne);
}

TEST_F(EvaluationTest, TheAreaInTheFileDecidesTheRangeAndItsEndsBelongToBoth) {
  const Evaluation result =
      evaluate(object(1, 1, kBox, R"(, "area": 1024)"), detection(1, kBox, 0.9));
  EXPECT_EQ(result.stats()[3], kOne);
  EXPECT_EQ(result.stats()[4], kOne);
  EXPECT_EQ(result.stats()[5], -1);
}

TEST_F(EvaluationTest, OnlyTheBestHundredOfAnImageCount) {
  std::string detections = detection(1, kBox, 0.1);
  for (int i = 0; i < 100; ++i) detections += "," + detection(1, kElsewhere, 0.2);
  EXPECT_EQ(evaluate(object(1, 1, kBox), detections).stats()[8], 0);
}

TEST_F(EvaluationTest, MasksAreComparedPixelByPixel) {
  const std::string square = R"(, "segmentation": [[10, 10, 50, 10, 50, 50, 10, 50]])";
  const std::string half = R"(, "segmentation": [[10, 10, 50, 10, 50, 30, 10, 30]])";
  const Evaluation boxes = evaluate(object(1, 1, kBox, square), detection(1, kBox, 0.9, half));
  EXPECT_EQ(boxes.stats()[0], kOne);
  const Evaluation masks =
      evaluate(object(1, 1, kBox, square), detection(1, kBox, 0.9, half), IouType::masks);
  EXPECT_NEAR(masks.stats()[0], 0.1, 1e-15) << "IoU 0.5 meets the first of ten thresholds";
}

TEST_F(EvaluationTest, WhateverAnObjectIsTakenForItIsFound) {
  const Dataset truth = dataset(object(1, 1, kBox) + "," + object(2, 2, kElsewhere));
  const std::string cat =
      R"({"category_id": 7, "image_id": 1, "bbox": [10, 10, 40, 40], "score": 1})";
  const Results found = results(cat + "," + detection(2, kElsewhere, 0.5), truth);
  EXPECT_EQ(Evaluation(truth, found, {}).recall(0, kDog, 0, 2), 0.5);
  const Evaluation any(truth, found, {.class_agnostic = true});
  EXPECT_EQ(any.categories(), 1);
  EXPECT_EQ(any.stats()[0], 1);
  EXPECT_EQ(any.recall(0, 0, 0, 2), 1);
}

TEST_F(EvaluationTest, WithoutDetectionsNothingIsFound) {
  const Evaluation result = evaluate(object(1, 1, kBox), "");
  EXPECT_EQ(result.category_ap(kDog), 0);
  EXPECT_EQ(evaluate("", detection(1, kBox, 0.5)).stats()[0], -1);
}

TEST(Thresholds, AreThoseOfNumpy) {
  EXPECT_EQ(iou_thresholds()[8], 0.8999999999999999);
  EXPECT_EQ(iou_thresholds()[9], 0.95);
  EXPECT_EQ(recall_thresholds()[7], 0.07);
  EXPECT_EQ(recall_thresholds()[29], 0.29);
  EXPECT_EQ(recall_thresholds()[35], 35 * 0.01);
  EXPECT_EQ(recall_thresholds()[100], 1);
}

}  // namespace
}  // namespace convmae::coco
