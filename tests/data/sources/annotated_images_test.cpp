#include "convmae/data/sources/annotated_images.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data_files.h"
#include <string>

namespace convmae {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr const char* kTwoImages =
    R"({"id": 8, "file_name": "b.jpg", "height": 5, "width": 5},
       {"id": 3, "file_name": "inner/a.jpg", "height": 5, "width": 5})";
constexpr const char* kObject =
    R"({"id": 1, "image_id": 8, "category_id": 2, "bbox": [0, 0, 1, 1]})";

class AnnotatedImagesTest : public testing::Test {
 protected:
  AnnotatedImages open(const std::string& images, const std::string& annotations,
                       AnnotatedImages::Which which = AnnotatedImages::Which::training) const {
    files_.write("file.json", R"({"images": [)" + images + R"(], "annotations": [)" + annotations +
                                  R"(], "categories": [{"id": 2, "name": "cat\ud83d\ude00"}]})");
    return {std::make_shared<coco::Dataset>(coco::Dataset::read(files_.path() / "file.json")),
            files_.path(), which};
  }

  test::DataDirectory files_;
};

TEST_F(AnnotatedImagesTest, AreThoseOfTheDatasetInItsOrder) {
  files_.add("b.jpg");
  files_.add("inner/a.jpg");
  const AnnotatedImages all = open(kTwoImages, kObject, AnnotatedImages::Which::all);
  ASSERT_EQ(all.size(), 2);
  EXPECT_EQ(all.name(0), (files_.path() / "inner/a.jpg").string());
  EXPECT_EQ(all.record(1).id, 8);
  EXPECT_EQ(all.classes(), (std::vector<std::string>{"cat😀"}));
  std::vector<std::uint8_t> bytes;
  all.read(1, bytes);
  EXPECT_GT(bytes.size(), 100);
  const AnnotatedImages some = open(kTwoImages, kObject);
  ASSERT_EQ(some.size(), 1);
  EXPECT_EQ(some.image(0), 1);
  EXPECT_EQ(some.record(0).id, 8);
  EXPECT_THAT(some.description(),
              HasSubstr(": folder with annotations of 1 image in 1 class (cat😀); training leaves "
                        "out 1 image without objects"));
  EXPECT_EQ(open(kTwoImages, kObject, AnnotatedImages::Which::training_with_empty).size(), 2);
}

TEST_F(AnnotatedImagesTest, SayWhatIsMissingBeforeAnybodyWaits) {
  EXPECT_THAT([&] { open(kTwoImages, kObject); },
              ThrowsMessage<UserError>(
                  testing::AllOf(HasSubstr("image 8 is 'b.jpg'"), HasSubstr("give the folder"))));
  EXPECT_THAT([&] { open(kTwoImages, ""); },
              ThrowsMessage<UserError>(HasSubstr("at least one image with an object, found none")));
  EXPECT_THAT([&] { open("", "", AnnotatedImages::Which::all); },
              ThrowsMessage<UserError>(HasSubstr("at least one image, found none: give another")));
  EXPECT_THAT(
      [&] { open(R"({"id": 8, "height": 5, "width": 5})", kObject); },
      ThrowsMessage<UserError>(HasSubstr("file_name of every image, found none of image 8")));
  files_.add("inner/a.jpg");
  EXPECT_NO_THROW(open(kTwoImages, kObject, AnnotatedImages::Which::all))
      << "what is missing among others is a bad sample";
}

}  // namespace
}  // namespace convmae
