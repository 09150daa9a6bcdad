#include "convmae/coco/results.h"

#include "convmae/base/error.h"

#include <gtest/gtest.h>

#include "coco_files.h"
#include "support/malformed.h"

namespace convmae::coco {
namespace {

class ResultsTest : public testing::Test, public test::CocoFiles {
 protected:
  void expect_refused(const std::string& text, const std::string& says) const {
    convmae::test::expect_refused(
        [&](auto&) { return text; },
        [&](const std::string& file) { Results::read(write(file), truth_); }, says, 1);
  }

  Dataset truth_ = dataset("");
};

TEST_F(ResultsTest, EmptyResultsAreResults) {
  EXPECT_TRUE(results("", truth_).detections().empty());
  EXPECT_FALSE(results("", truth_).has_masks());
}

TEST_F(ResultsTest, DetectionsStayInTheOrderOfTheFile) {
  const Results found = results(
      R"({"image_id": 2, "category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.25},
         {"image_id": 1, "category_id": 4, "bbox": [1, 2, 3, 4], "score": 1},
         {"image_id": 1, "category_id": 3, "score": 0.5,
          "segmentation": {"size": [100, 100], "counts": ")" +
          rle_text({{100, 100}, {9990, 10}}) + R"("}})",
      truth_);
  ASSERT_EQ(found.detections().size(), 2);
  EXPECT_EQ(found.without_category(), 1) << "left out, as pycocotools does";
  EXPECT_EQ(found.detections()[0].image, 1);
  EXPECT_EQ(found.detections()[0].category, 1);
  EXPECT_EQ(found.detections()[0].score, 0.25);
  EXPECT_EQ(found.detections()[1].image, 0);
  EXPECT_TRUE(found.has_masks());
}

TEST_F(ResultsTest, WhatHasNoBoxGetsThatOfItsMask) {
  const std::string counts = rle_text({{100, 100}, {205, 10, 9785}});
  const Results found = results(R"({"image_id": 1, "category_id": 3, "score": 0.5,
      "segmentation": {"size": [100, 100], "counts": ")" +
                                    counts + R"("}})",
                                truth_);
  EXPECT_EQ(found.detections().at(0).box, (XywhBox{2, 5, 1, 10}));
}

TEST_F(ResultsTest, NamesTheEntryThatIsWrong) {
  expect_refused(R"([{"image_id": 9, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 1}])",
                 "found image_id 9");
  expect_refused(R"([{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}])",
                 "result number 1 of the list (image_id 1): expected a score");
  expect_refused(R"([{"image_id": 1, "category_id": 3, "score": 1}])", "a bbox or a segmentation");
  expect_refused(R"([{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "score": NaN}])",
                 "result number 1 of the list");
  expect_refused(R"({"annotations": []})", "expected results, a list");
}

TEST_F(ResultsTest, WhatIsWrittenReadsBackTheSame) {
  const convmae::test::TemporaryDirectory directory;
  const std::filesystem::path path = directory / "results.json";
  // A text of run lengths may hold a backslash.
  const Rle mask{{46, 54}, {0, 40, 2444}};
  const std::vector<ResultLine> lines{
      {1, 3, {74.95428466796875, 0, 1.0 / 3, 4}, 0.060314200818538666, {}},
      {2, 7, {1, 2, 3, 4}, 1, mask}};
  write_results(path, lines);
  EXPECT_EQ(
      convmae::test::read_text(path),
      "[{\"image_id\":1,\"category_id\":3,\"bbox\":[74.95428466796875,0.0,0.3333333333333333,4.0],"
      "\"score\":0.060314200818538666},\n"
      "{\"image_id\":2,\"category_id\":7,\"bbox\":[1.0,2.0,3.0,4.0],\"score\":1.0,"
      "\"segmentation\":{\"size\":[46,54],\"counts\":\"0X1\\\\\\\\2\"}}]\n");
  const Results read = Results::read(path, truth_);
  ASSERT_EQ(read.detections().size(), 2);
  EXPECT_EQ(read.detections()[0].box, lines[0].box);
  EXPECT_EQ(read.detections()[0].score, lines[0].score);
  EXPECT_EQ(read.masks().text(read.detections()[1].mask), rle_text(mask));
  write_results(path, {});
  EXPECT_EQ(convmae::test::read_text(path), "[]\n");
}

}  // namespace
}  // namespace convmae::coco
