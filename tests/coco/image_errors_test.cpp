#include "convmae/coco/image_errors.h"

#include <gtest/gtest.h>

#include "coco_files.h"

namespace convmae::coco {
namespace {

class ImageErrorsTest : public testing::Test, public test::CocoFiles {
 protected:
  static std::string object(int id, int image, int x, const std::string& more = "") {
    return R"({"category_id": 3, "id": )" + std::to_string(id) + R"(, "image_id": )" +
           std::to_string(image) + R"(, "bbox": [)" + std::to_string(x) + ", 10, 20, 20]" + more +
           "}";
  }
  static std::string detection(int image, int x, double score, int category = 3) {
    return R"({"category_id": )" + std::to_string(category) + R"(, "image_id": )" +
           std::to_string(image) + R"(, "bbox": [)" + std::to_string(x) +
           R"(, 10, 20, 20], "score": )" + std::to_string(score) + "}";
  }
  ErrorCount count(const std::string& objects, const std::string& detections) const {
    const Dataset truth = dataset(objects);
    return count_errors(truth, results(detections, truth), {});
  }
};

TEST_F(ImageErrorsTest, AreWhatIsMissedAndWhatIsWrong) {
  // Image 1: one found, one missed, one of another category at its place; image 2: found twice.
  const ErrorCount errors =
      count(object(1, 1, 10) + "," + object(2, 1, 50) + "," + object(3, 2, 10),
            detection(1, 11, 0.9) + "," + detection(1, 50, 0.8, 7) + "," + detection(2, 10, 0.7) +
                "," + detection(2, 12, 0.75));
  EXPECT_EQ(errors.score, 0.75);
  ASSERT_EQ(errors.images.size(), 2);
  EXPECT_EQ(errors.images[0].missed(), 1);
  EXPECT_EQ(errors.images[0].wrong, 1);
  EXPECT_EQ(errors.images[0].total(), 2);
  EXPECT_EQ(errors.images[1].total(), 0) << "the other one does not count at this score";
  EXPECT_EQ(errors.all.objects, 3);
  EXPECT_NEAR(errors.precision(), 2. / 3, 1e-12);
  EXPECT_NEAR(errors.recall(), 2. / 3, 1e-12);
  EXPECT_NEAR(errors.f1(), 2. / 3, 1e-12);
}

TEST_F(ImageErrorsTest, TheScoreIsThatOfTheBestBalance) {
  const std::string objects = object(1, 1, 10) + "," + object(2, 2, 10);
  const ErrorCount errors =
      count(objects, detection(1, 10, 0.9) + "," + detection(2, 10, 0.5) + "," +
                         detection(2, 70, 0.5) + "," + detection(1, 70, 0.4));
  EXPECT_EQ(errors.score, 0.5) << "2 of 2 with one wrong is better than 1 of 2 with none";
  EXPECT_EQ(errors.all.wrong, 1);
}

TEST_F(ImageErrorsTest, CrowdsAreNeitherMissedNorWrong) {
  const ErrorCount errors =
      count(object(1, 1, 10) + "," + object(2, 1, 50, R"(, "iscrowd": 1)"),
            detection(1, 10, 0.9) + "," + detection(1, 50, 0.95) + "," + detection(1, 51, 0.95));
  EXPECT_EQ(errors.all.objects, 1);
  EXPECT_EQ(errors.all.found, 1);
  EXPECT_EQ(errors.all.total(), 0);
}

TEST_F(ImageErrorsTest, WithoutDetectionsAllAreMissed) {
  const ErrorCount errors = count(object(1, 1, 10), "");
  EXPECT_EQ(errors.score, 1);
  EXPECT_EQ(errors.all.missed(), 1);
  EXPECT_EQ(errors.precision(), 0);
  EXPECT_EQ(errors.f1(), 0);
  EXPECT_EQ(count("", "").recall(), 0);
}

}  // namespace
}  // namespace convmae::coco
