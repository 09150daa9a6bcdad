#include "convmae/coco/dataset_writer.h"

#include "convmae/coco/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/test_files.h"

namespace convmae::coco {
namespace {

using testing::HasSubstr;

/// Pixels in a frame around the middle of 4x5.
const Rle kFrame = rle_from_pixels({4, 5}, std::vector<std::uint8_t>{1, 1, 1, 0, 0,  //
                                                                     1, 0, 1, 0, 0,  //
                                                                     1, 1, 1, 0, 0,  //
                                                                     0, 0, 0, 0, 0});
/// Two parts.
const Rle kDots = rle_from_pixels({4, 5}, std::vector<std::uint8_t>{1, 0, 0, 0, 0,  //
                                                                    0, 0, 0, 0, 0,  //
                                                                    0, 0, 0, 1, 1,  //
                                                                    0, 0, 0, 1, 0});

class DatasetWriterTest : public testing::Test {
 protected:
  convmae::test::TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "annotations.json";
};

TEST_F(DatasetWriterTest, WhatIsWrittenReadsBackTheSame) {
  DatasetWriter writer(path_, {{3, "Fuß"}, {7, "\"cat\""}});
  writer.add_image({2, {4, 5}, "a/b.jpg"});
  writer.add_annotation({2, 7, {0, 0, 3, 3.25}, kFrame, 0.5});
  writer.add_annotation({2, 3, {0, 0, 5, 4}, kDots, {}});
  writer.add_image({4, {9, 9}, "c.jpg"});
  writer.add_annotation({4, 3, {1, 2, 3, 4}, {}, 0.25});
  EXPECT_FALSE(std::filesystem::exists(path_)) << "nothing appears before the end";
  writer.commit();

  const Dataset read = Dataset::read(path_);
  ASSERT_EQ(read.images().size(), 2);
  EXPECT_EQ(read.images()[0].file_name, "a/b.jpg");
  EXPECT_EQ(read.images()[1].size, (Size{9, 9}));
  EXPECT_EQ(read.categories()[0].name, "Fuß");
  EXPECT_EQ(read.categories()[1].name, "\"cat\"");
  ASSERT_EQ(read.annotations().size(), 3);
  const Annotation& frame = read.annotations()[0];
  EXPECT_EQ(frame.id, 1);
  EXPECT_EQ(frame.category, 1);
  EXPECT_EQ(frame.box, (XywhBox{0, 0, 3, 3.25}));
  EXPECT_EQ(frame.area, 8) << "of the mask";
  EXPECT_TRUE(frame.mask.is_rle()) << "it has a hole";
  EXPECT_EQ(read.annotations()[2].area, 12) << "of the box";
  EXPECT_EQ(read.annotations()[2].mask.kind, MaskPlace::Kind::none);
  for (const auto& [place, mask] :
       {std::pair{frame.mask, kFrame}, {read.annotations()[1].mask, kDots}}) {
    Rle drawn;
    read.masks().draw(place, {4, 5}, drawn);
    EXPECT_EQ(rle_pixels(drawn), rle_pixels(mask));
  }
  EXPECT_EQ(read.annotations()[1].mask.polygons, 2);
  EXPECT_THAT(convmae::test::read_text(path_), HasSubstr("\"score\":0.5"));

  const CheckReport report = check_file(path_, {});
  EXPECT_EQ(report.error_count, 0);
  EXPECT_TRUE(report.warnings.empty());
}

TEST_F(DatasetWriterTest, NothingFoundIsAFileWithoutAnnotations) {
  DatasetWriter writer(path_, {{3, "a"}});
  writer.commit();
  const Dataset read = Dataset::read(path_);
  EXPECT_TRUE(read.images().empty());
  EXPECT_TRUE(read.annotations().empty());
}

TEST_F(DatasetWriterTest, MasksWithoutAPixelAreRunLengths) {
  DatasetWriter writer(path_, {{3, "a"}});
  writer.add_image({1, {2, 2}, "a.jpg"});
  writer.add_annotation({1, 3, {0, 0, 2, 1}, Rle{{2, 2}, {4}}, {}});
  writer.commit();
  const Dataset read = Dataset::read(path_);
  EXPECT_EQ(read.annotations().at(0).area, 0);
  EXPECT_TRUE(read.annotations()[0].mask.is_rle()) << "pycocotools refuses to draw no polygons";
}

}  // namespace
}  // namespace convmae::coco
