#include "convmae/detect/detection_scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace convmae {
namespace {

using testing::HasSubstr;

TEST(DetectionScores, AreLoggedInPercentAsFarAsThereAreSome) {
  DetectionScores scores;
  scores.boxes = {0.25, 0.5, 0.2, -1, 0.3, 0.4, 0.1, 0.2, 0.6, -1, 0.5, 0.7};
  EXPECT_EQ(scores.values(), (nlohmann::ordered_json{{"box_ap", 25.0},
                                                     {"box_ap50", 50.0},
                                                     {"box_ap75", 20.0},
                                                     {"box_ap_medium", 30.0},
                                                     {"box_ap_large", 40.0},
                                                     {"box_ar100", 60.0}}));
  EXPECT_EQ(scores.score("box_ap"), 0.25);
  EXPECT_FALSE(scores.score("mask_ap"));
  scores.masks = scores.boxes;
  scores.masks->front() = 0.125;
  EXPECT_EQ(scores.score("mask_ap"), 0.125);
  EXPECT_EQ(scores.values().at("mask_ap"), 12.5);
  EXPECT_THAT(scores.text(), HasSubstr("box AP 25.0 (AP50 50.0)  mask AP 12.5"));
}

TEST(DetectionScores, OfImagesWithoutObjectsAreNone) {
  DetectionScores scores;
  scores.boxes.fill(-1);
  EXPECT_TRUE(scores.values().empty());
  EXPECT_FALSE(scores.score("box_ap"));
  EXPECT_THAT(scores.text(), HasSubstr("box AP none"));
}

}  // namespace
}  // namespace convmae
