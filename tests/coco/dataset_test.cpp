#include "convmae/coco/dataset.h"

#include "convmae/base/error.h"
#include "convmae/coco/training_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coco_files.h"
#include "support/malformed.h"

namespace convmae::coco {
namespace {

using testing::ElementsAre;

constexpr const char* kObject =
    R"({"id": 5, "image_id": 1, "category_id": 3, "bbox": [1, 2.5, 3, 4], "area": 9.5})";

class DatasetTest : public testing::Test, public test::CocoFiles {
 protected:
  void expect_refused(const std::string& text, const std::string& says) const {
    convmae::test::expect_refused([&](auto&) { return text; },
                                  [&](const std::string& file) { Dataset::read(write(file)); },
                                  says, 1);
  }
  void expect_bad_annotation(const std::string& text, const std::string& says) const {
    expect_refused(test::annotation_file(test::kImages, text, test::kCategories), says);
  }
};

TEST_F(DatasetTest, SortsImagesAndCategoriesById) {
  const Dataset dataset = CocoFiles::dataset(kObject);
  ASSERT_EQ(dataset.images().size(), 2);
  EXPECT_EQ(dataset.images()[0].file_name, "a.jpg");
  EXPECT_EQ(dataset.images()[1].size, (Size{100, 100}));
  EXPECT_EQ(dataset.categories()[0].name, "dog");
  EXPECT_EQ(dataset.categories()[1].name, "cat");
  const Annotation& object = dataset.annotations().at(0);
  EXPECT_EQ(object.id, 5);
  EXPECT_EQ(object.image, 0);
  EXPECT_EQ(object.category, 0);
  EXPECT_EQ(object.box, (XywhBox{1, 2.5, 3, 4}));
  EXPECT_EQ(object.area, 9.5);
  EXPECT_FALSE(object.crowd);
  EXPECT_FALSE(dataset.has_masks());
}

TEST_F(DatasetTest, OrderOfListsAndMembersDoesNotMatter) {
  const Dataset dataset = Dataset::read(write(
      R"({"annotations": [{"bbox": [0, 0, 1, 1], "category_id": 7, "attributes": {"id": [9, {"id": 8}]},
          "segmentation": {"counts": [1, 2, 3], "size": [2, 3]}, "iscrowd": 1, "image_id": 1.0, "id": 4}],
          "licenses": [{"id": 1, "bbox": "none"}], "categories": [{"name": "c", "id": 7}],
          "info": {"images": [{"id": "x"}]}, "images": [{"id": 1, "width": 3, "height": 2}]})"));
  const Annotation& object = dataset.annotations().at(0);
  EXPECT_TRUE(object.crowd);
  EXPECT_EQ(object.area, 1) << "of the box, where the file has none";
  EXPECT_EQ(dataset.without_area(), 1);
  EXPECT_EQ(dataset.masks().text(object.mask), "123");
}

TEST_F(DatasetTest, AnnotationsOfAnImageStayInTheOrderOfTheFile) {
  std::string text;
  for (const auto& [id, image] : {std::pair{9, 2}, {8, 1}, {7, 2}, {6, 99}, {5, 1}}) {
    text += (text.empty() ? "" : ",") +
            (R"({"bbox": [0, 0, 1, 1], "category_id": 3, "id": )" + std::to_string(id) +
             R"(, "image_id": )" + std::to_string(image) + "}");
  }
  text += R"(, {"bbox": [0, 0, 1, 1], "category_id": 1, "id": 4, "image_id": 2})";
  const Dataset dataset = CocoFiles::dataset(text);
  const auto ids = [&](std::int64_t image) {
    std::vector<std::int64_t> result;
    for (const Annotation& object : dataset.annotations_of(image)) result.push_back(object.id);
    return result;
  };
  EXPECT_THAT(ids(0), ElementsAre(8, 5));
  EXPECT_THAT(ids(1), ElementsAre(9, 7));
  EXPECT_EQ(dataset.without_image(), 1);
  EXPECT_EQ(dataset.without_category(), 1);
}

TEST_F(DatasetTest, ReadsEveryKindOfMask) {
  const auto kind = [&](const std::string& segmentation) {
    const Dataset dataset =
        CocoFiles::dataset(R"({"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 1, 1],
                     "segmentation": )" +
                           segmentation + "}");
    return dataset.annotations().at(0).mask.kind;
  };
  EXPECT_EQ(kind("[]"), MaskPlace::Kind::none);
  EXPECT_EQ(kind("null"), MaskPlace::Kind::none);
  EXPECT_EQ(kind("[[1, 2, 3, 4, 5, 6]]"), MaskPlace::Kind::polygons);
  EXPECT_EQ(kind("[1, 2, 3, 4, 5, 6]"), MaskPlace::Kind::polygons) << "without a list around it";
  EXPECT_EQ(kind("[[1, 2, 3, 4, 5, 6.123]]"), MaskPlace::Kind::exact_polygons);
  EXPECT_EQ(kind(R"({"size": [2, 2], "counts": "022"})"), MaskPlace::Kind::rle);
}

TEST_F(DatasetTest, NamesTheEntryThatIsWrong) {
  expect_bad_annotation(R"({"id": 1, "image_id": 1, "category_id": 3})",
                        "annotation with id 1: expected a bbox, found none");
  expect_bad_annotation(std::string(kObject) + "," + kObject,
                        "annotation to have an id of its own, found 5");
  expect_bad_annotation(R"({"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]})",
                        "annotation number 1 of the list (image_id 1): expected an id");
  expect_bad_annotation(R"({"id": 1, "image_id": "a", "category_id": 3, "bbox": [1, 2, 3, 4]})",
                        "annotation with id 1: expected image_id to be");
  expect_bad_annotation(R"({"id": 1, "image_id": 1.5, "category_id": 3, "bbox": [1, 2, 3, 4]})",
                        "expected image_id to be a whole number");
  expect_bad_annotation(R"({"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3]})",
                        "expected a bbox of 4 numbers, found 3");
  expect_bad_annotation(R"({"id": 1, "image_id": 1, "category_id": 3, "bbox": [[1, 2, 3, 4]]})",
                        "annotation with id 1");
  const std::string begin =
      R"({"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "segmentation": )";
  expect_bad_annotation(begin + R"({"size": [2, 2], "counts": [1, 2]}})", "found a sum of 3");
  expect_bad_annotation(begin + R"({"size": [2], "counts": [1, 2]}})", "a size of 2 numbers");
  expect_bad_annotation(begin + R"({"size": [2, 2]}})", "a size and counts");
  expect_bad_annotation(begin + R"("mask.png"})", "segmentation to be a list");
  expect_bad_annotation(begin + R"([{"x": 1}]})", "segmentation to be polygons");
  expect_bad_annotation(begin + "[[1, 2, 3, 4, 1e9, 6]]}", "within 10000000 pixels");
  expect_refused(test::annotation_file(R"({"id": 1, "height": 0, "width": 5})", "", ""),
                 "found 0x5");
  expect_refused(test::annotation_file(R"({"id": 1, "height": 5})", "", ""), "a width");
}

TEST_F(DatasetTest, SaysWhereTheFileIsNotJson) {
  expect_bad_annotation(R"({"id": 1, "area": NaN})", "annotation with id 1");
  expect_bad_annotation(R"({"id": 1, "area": NaN})", "NaN and Infinity are no numbers");
  expect_bad_annotation(R"({"id": 1, "area": -Infinity})", "NaN and Infinity are no numbers");
  expect_bad_annotation(R"({"id": 1, "area": 1e999})", "1e999");
  expect_refused("{\"images\": [\n{]", "line 2, column 2");
  expect_refused("", "unexpected end of input");
  expect_refused("[]", "found a list");
  expect_refused("3", "found no images");
  expect_refused(R"({"images": [], "annotations": []})", "found no categories");
}

TEST_F(DatasetTest, DepthAndSizeOfNonsenseDoNotMatter) {
  const std::string deep(1000000, '[');
  expect_refused(deep, "unexpected end of input");
  expect_refused(R"({"annotations": [{"id": 1, "segmentation": )" + deep,
                 "unexpected end of input");
}

TEST_F(DatasetTest, TrainingTakesWhatDetectron2Takes) {
  const auto object = [](int id, int image, const char* more) {
    return R"({"bbox": [0, 0, 9, 9], "category_id": 3, "id": )" + std::to_string(id) +
           R"(, "image_id": )" + std::to_string(image) + more + "}";
  };
  const Dataset dataset = CocoFiles::dataset(
      object(1, 1,
             R"(, "segmentation": [[1, 2, 3, 4], [1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6]])") +
          "," + object(2, 2, R"(, "segmentation": [[1, 2, 3, 4]])") + "," +
          object(3, 2, R"(, "iscrowd": 1)") + "," + object(4, 3, R"(, "segmentation": [])"),
      std::string(test::kImages) +
          R"(, {"id": 3, "height": 5, "width": 5}, {"id": 4, "height": 5, "width": 5})");
  const TrainingSelection selection = select_for_training(dataset);
  EXPECT_THAT(selection.images, ElementsAre(0, 2));
  EXPECT_EQ(selection.images_without_objects, 2);
  const TrainingSelection all = select_for_training(dataset, /*keep_empty=*/true);
  EXPECT_THAT(all.images, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(all.images_without_objects, 0);
  EXPECT_EQ(selection.crowds, 1);
  EXPECT_EQ(selection.polygons_dropped, 3);
  EXPECT_EQ(selection.annotations_dropped, 1);
  EXPECT_EQ(usable_polygons(dataset, dataset.annotations_of(0)[0]),
            (std::vector<std::vector<double>>{{1, 2, 3, 4, 5, 6}}));
  EXPECT_EQ(
      selection.left_out(),
      "2 images without objects, 1 crowd, 3 polygons of less than three points or half a point, "
      "1 object without another polygon");
  EXPECT_EQ(
      select_for_training(CocoFiles::dataset(kObject, R"({"id": 1, "height": 5, "width": 5})"))
          .left_out(),
      "");
}

}  // namespace
}  // namespace convmae::coco
