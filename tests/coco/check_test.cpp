#include "convmae/coco/check.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coco_files.h"

namespace convmae::coco {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CheckTest : public testing::Test, public test::CocoFiles {
 protected:
  CheckReport check(const std::string& annotations, const SizeOfImage& size_of_image = {},
                    const std::string& categories = test::kCategories) const {
    return check_file(write(test::annotation_file(test::kImages, annotations, categories)),
                      size_of_image);
  }
  std::vector<std::string> warnings(const std::string& more) const {
    const CheckReport report =
        check(R"({"id": 5, "image_id": 1, "category_id": 3, "area": 1, )" + more + "}");
    EXPECT_EQ(report.error_count, 0);
    std::vector<std::string> lines;
    for (const CheckReport::Warning& warning : report.warnings) {
      lines.push_back(std::to_string(warning.count) + " " + warning.kind + "; " + warning.first);
    }
    return lines;
  }
};

TEST_F(CheckTest, NothingIsWrongWithAGoodFile) {
  const CheckReport report =
      check(R"({"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 100, 100], "area": 1})");
  EXPECT_EQ(report.error_count, 0);
  EXPECT_TRUE(report.warnings.empty());
  EXPECT_EQ(report.images, 2);
  EXPECT_EQ(report.annotations, 1);
  EXPECT_EQ(report.categories, 2);
}

TEST_F(CheckTest, EveryErrorIsOneLineThatNamesTheEntry) {
  const CheckReport report = check(
      R"({"id": 5, "image_id": 9, "category_id": 3, "bbox": [1, 2, 3, 4], "area": 1},
         {"id": 6, "image_id": 1, "category_id": 4, "bbox": [1, 2, 3, 4], "area": 1},
         {"id": 5, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "area": 1},
         {"id": 8, "image_id": 1, "category_id": 3, "bbox": [1, 2, "3", 4], "area": 1},
         {"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "area": 1})");
  EXPECT_EQ(report.error_count, 5);
  EXPECT_THAT(
      report.errors,
      ElementsAre(
          HasSubstr("annotation with id 5, number 3 of the list: expected an id of its own"),
          HasSubstr("annotation with id 8: expected bbox to be"),
          HasSubstr("annotation number 5 of the list (image_id 1): expected an id"),
          HasSubstr("annotation with id 5: expected an image of the file, found image_id 9"),
          HasSubstr("annotation with id 6: expected a category of the file, found category_id 4")));
}

TEST_F(CheckTest, WarningsAreCountedAndNameTheFirst) {
  EXPECT_THAT(
      warnings(R"("bbox": [1, 2, 0, 4])"),
      ElementsAre("1 boxes without width or height; annotation with id 5: [1.0,2.0,0.0,4.0]"));
  EXPECT_THAT(
      warnings(R"("bbox": [90, 2, 20, 4])"),
      ElementsAre(HasSubstr("annotation with id 5: [90.0,2.0,20.0,4.0] in an image of 100x100")));
  EXPECT_THAT(
      warnings(R"("bbox": [1, 2, 3, 4], "segmentation": [[1, 2], [1, 2, 3, 4, 5]])"),
      ElementsAre(HasSubstr(
          "2 polygons of less than three points or half a point; annotation with id 5: 2 ")));
  EXPECT_THAT(warnings(R"("bbox": [1, 2, 3, 4], "segmentation": [])"),
              ElementsAre(HasSubstr("1 masks without")));
  EXPECT_THAT(
      warnings(R"("bbox": [1, 2, 3, 4], "segmentation": {"size": [2, 2], "counts": [4]})"),
      ElementsAre(HasSubstr("1 masks without a pixel"), HasSubstr("2x2 on an image of 100x100")));
}

TEST_F(CheckTest, ImagesAreComparedWithTheirFiles) {
  const CheckReport report = check("", [](const std::string& name) -> Size {
    if (name == "a.jpg") throw UserError("cannot open 'a.jpg'");
    return {100, 90};
  });
  ASSERT_EQ(report.warnings.size(), 2);
  EXPECT_THAT(report.warnings[0].first, HasSubstr("image with id 1: cannot open"));
  EXPECT_THAT(report.warnings[1].first,
              HasSubstr("image with id 2: 100x100 in the list, 100x90 in 'b.jpg'"));
}

TEST_F(CheckTest, CategoriesOfOneNameAreTold) {
  const CheckReport report = check("", {}, R"({"id": 1, "name": "cat"}, {"id": 2, "name": "cat"})");
  ASSERT_EQ(report.warnings.size(), 1);
  EXPECT_THAT(report.warnings[0].first, HasSubstr("category with id 2: 'cat'"));
}

TEST_F(CheckTest, ResultsAreCheckedByThemselves) {
  const CheckReport report =
      check_file(write(R"([{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}])"), {});
  EXPECT_TRUE(report.is_results);
  EXPECT_THAT(
      report.errors,
      ElementsAre("result number 1 of the list (image_id 1): expected a score, found none"));
}

TEST_F(CheckTest, ListsThatAreMissingAreErrors) {
  EXPECT_EQ(check_file(write(R"({"images": []})"), {}).error_count, 2);
  EXPECT_THROW(check_file(write("{"), {}), UserError);
}

}  // namespace
}  // namespace convmae::coco
