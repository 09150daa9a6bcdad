#include "convmae/data/objects/annotated_sample.h"

#include "convmae/base/error.h"
#include "convmae/data/decode/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data_files.h"
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

namespace convmae {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using Which = AnnotatedImages::Which;

/// Images of 40x60 as arrays: black but for a white box, which their annotations say in three ways.
class AnnotatedSample : public testing::Test {
 protected:
  static constexpr std::int64_t kHeight = 40;
  static constexpr std::int64_t kWidth = 60;

  void add_image(const std::string& name, PixelType type, std::int64_t channels, const Box& white) {
    std::string file = npy_header(type, channels == 1 ? std::vector{kHeight, kWidth}
                                                      : std::vector{kHeight, kWidth, channels});
    for (std::int64_t y = 0; y < kHeight; ++y) {
      for (std::int64_t x = 0; x < kWidth; ++x) {
        const bool inside = y >= white.top && x >= white.left && y < white.top + white.height &&
                            x < white.left + white.width;
        const std::int64_t bytes = channels * bytes_per_value(type);
        file.append(static_cast<std::size_t>(bytes), inside ? '\xFF' : '\0');
      }
    }
    files_.write(name, file);
  }

  /// An annotation of the white box, with `mask` as its segmentation.
  static std::string annotation(int id, int image, const Box& box, const std::string& mask = "") {
    return R"({"id": )" + std::to_string(id) + R"(, "image_id": )" + std::to_string(image) +
           R"(, "category_id": 9, "iscrowd": 0, "bbox": [)" + std::to_string(box.left) + "," +
           std::to_string(box.top) + "," + std::to_string(box.width) + "," +
           std::to_string(box.height) + "]" + (mask.empty() ? "" : R"(, "segmentation": )" + mask) +
           "}";
  }

  static std::string polygon(const Box& box) {
    const auto point = [](std::int64_t x, std::int64_t y) {
      return std::to_string(x) + "," + std::to_string(y);
    };
    const std::int64_t right = box.left + box.width;
    const std::int64_t bottom = box.top + box.height;
    return "[[" + point(box.left, box.top) + "," + point(right, box.top) + "," +
           point(right, bottom) + "," + point(box.left, bottom) + "]]";
  }

  static std::string runs(const Box& box, Size size = {kHeight, kWidth}) {
    std::string counts = std::to_string(box.left * size.height + box.top);
    for (std::int64_t x = 0; x < box.width; ++x) {
      const std::int64_t rest = size.height - box.height;
      counts += "," + std::to_string(box.height) + "," +
                std::to_string(x + 1 < box.width ? rest
                                                 : size.height * size.width -
                                                       (box.left + box.width - 1) * size.height -
                                                       box.top - box.height);
    }
    return R"({"size": [)" + std::to_string(size.height) + "," + std::to_string(size.width) +
           R"(], "counts": [)" + counts + "]}";
  }

  static std::string image(int id, const std::string& name, Size size = {kHeight, kWidth}) {
    return R"({"id": )" + std::to_string(id) + R"(, "file_name": ")" + name + R"(", "height": )" +
           std::to_string(size.height) + R"(, "width": )" + std::to_string(size.width) + "}";
  }

  std::shared_ptr<const AnnotatedImages> images(const std::string& list,
                                                const std::string& annotations,
                                                Which which = Which::training) const {
    files_.write("file.json",
                 R"({"images": [)" + list + R"(], "annotations": [)" + annotations +
                     R"(], "categories": [{"id": 4, "name": "a"}, {"id": 9, "name": "b"}]})");
    return std::make_shared<AnnotatedImages>(
        std::make_shared<coco::Dataset>(coco::Dataset::read(files_.path() / "file.json")),
        files_.path(), which);
  }

  static AnnotatedSampleConfig config_of(GeometryRecipe recipe, std::int64_t channels) {
    AnnotatedSampleConfig config;
    config.recipe = std::move(recipe);
    config.decode.channels = channels;
    config.normalisation = Normalisation::defaults(channels);
    return config;
  }

  test::DataDirectory files_;
};

/// The box around all pixels of a plane that are rather white.
Corners white_box(const Sample& sample, std::int64_t channel) {
  Corners box{1e9F, 1e9F, 0, 0};
  const float* value = sample.pixels.data() + channel * sample.size.height * sample.size.width;
  for (std::int64_t y = 0; y < sample.size.height; ++y) {
    for (std::int64_t x = 0; x < sample.size.width; ++x) {
      if (*value++ < 0.5F) continue;  // padding is 128 of 255: 0.004
      const auto [left, top] = std::pair(static_cast<float>(x), static_cast<float>(y));
      box = {std::min(box[0], left), std::min(box[1], top), std::max(box[2], left + 1),
             std::max(box[3], top + 1)};
    }
  }
  return box;
}

TEST_F(AnnotatedSample, WhatIsAnnotatedStaysWithItsPixels) {
  const Box white{10, 22, 16, 25};
  add_image("a.npy", PixelType::uint16, 5, white);
  const auto source = images(image(1, "a.npy"), annotation(1, 1, white) + "," +
                                                    annotation(2, 1, white, polygon(white)) + "," +
                                                    annotation(3, 1, white, runs(white)));
  int seen = 0;
  for (const GeometryRecipe& recipe :
       {jitter_padded(64), jitter_unpadded(64), test_padded(64), test_unpadded(50, 64),
        GeometryRecipe{ResizeShortestEdge{{30, 50}, 100}, RandomMirror{}}}) {
    AnnotatedSampleMaker maker(source, config_of(recipe, 5));
    for (std::uint64_t i = 0; i < 25; ++i) {
      const Sample sample = maker.make(0, {1, 2, i});
      ASSERT_EQ(std::ssize(sample.pixels), 5 * sample.size.height * sample.size.width);
      EXPECT_EQ(sample.content, sample.size);
      EXPECT_EQ(sample.original, (Size{kHeight, kWidth}));
      ASSERT_TRUE(sample.objects.has_value());
      const Objects& objects = *sample.objects;
      ASSERT_EQ(objects.boxes.size(), objects.masks.size());
      const Corners expected = white_box(sample, 4);
      if (expected[2] == 0) continue;  // all of it was cut off
      seen += static_cast<int>(objects.boxes.size());
      for (std::size_t k = 0; k < objects.boxes.size(); ++k) {
        EXPECT_EQ(objects.classes[k], 1) << "the second category";
        const coco::XywhBox& box = objects.boxes[k];
        EXPECT_NEAR(box[0], expected[0], 1.01);
        EXPECT_NEAR(box[1], expected[1], 1.01);
        EXPECT_NEAR(box[0] + box[2], expected[2], 1.01);
        EXPECT_NEAR(box[1] + box[3], expected[3], 1.01);
      }
    }
  }
  EXPECT_GT(seen, 250);
}

TEST_F(AnnotatedSample, KeepsGreyAndRangeOfSixteenBits) {
  add_image("a.npy", PixelType::uint16, 2, {0, 0, kHeight, kWidth});
  const auto source = images(image(1, "a.npy"), annotation(1, 1, {0, 0, 5, 5}));
  AnnotatedSampleMaker maker(source, config_of(test_padded(kWidth), 2));
  const Sample sample = maker.make(0, {});
  EXPECT_EQ(sample.size, (Size{kWidth, kWidth}));
  EXPECT_NEAR(sample.pixels.front(), 1, 1e-5) << "(1 - 0.5) / 0.5";
  EXPECT_NEAR(sample.pixels.back(), (128.0 / 255 - 0.5) / 0.5, 1e-5);
}

TEST_F(AnnotatedSample, TurnsImagesUpright) {
  std::filesystem::copy_file(
      std::filesystem::path(CONVMAE_SOURCE_DIR) / "tests/golden/images/exif6_320x240_q90.jpg",
      files_.path() / "a.jpg");
  const std::string object = annotation(1, 7, {0, 0, 30, 30});
  AnnotatedSampleConfig config = config_of(test_unpadded(60, 80), 3);
  const Sample sample =
      AnnotatedSampleMaker(images(image(7, "a.jpg", {320, 240}), object), config).make(0, {});
  EXPECT_EQ(sample.size, (Size{80, 60}));
  EXPECT_EQ(sample.original, (Size{320, 240}));
  // The size as it is stored is not the one that people see.
  EXPECT_THAT(
      [&] {
        AnnotatedSampleMaker(images(image(7, "a.jpg", {240, 320}), object), config).make(0, {});
      },
      ThrowsMessage<UserError>("expected 240x320 pixels (height x width), as the annotations have "
                               "of image 7, found 320x240: the annotations are of another version "
                               "of the file"));
}

TEST_F(AnnotatedSample, ImagesOfAnotherSizeAreBadSamples) {
  add_image("a.npy", PixelType::uint8, 1, {0, 0, 9, 9});
  add_image("b.npy", PixelType::uint8, 1, {0, 0, 9, 9});
  const auto source = images(image(1, "a.npy", {1, 1}) + "," + image(2, "b.npy"),
                             annotation(1, 1, {0, 0, 9, 9}) + "," + annotation(2, 2, {0, 0, 9, 9}));
  LoaderConfig config;
  config.batch_size = 2;
  config.shuffle = false;
  config.max_bad_share = 0.6;
  std::string reported;
  config.report_bad = [&](const BadSample& bad) { reported = bad.name + ": " + bad.error; };
  const auto recipe = config_of(jitter_padded(16), 1);
  const auto first = [&] {
    return SampleLoader<Sample>(source, annotated_samples(source, recipe), config).next();
  };
  const auto replaced = first();
  EXPECT_EQ(replaced->samples, (std::vector<std::int64_t>{1, 1}));
  EXPECT_THAT(reported, testing::AllOf(HasSubstr("a.npy: "), HasSubstr("of image 1, found 40x60")));
  config.on_bad_sample = OnBadSample::error;
  EXPECT_THAT(first, ThrowsMessage<UserError>(testing::AllOf(
                         HasSubstr("cannot use '"), HasSubstr("a.npy'"), HasSubstr("image 1"))));
}

TEST_F(AnnotatedSample, IsTheSameWithAnyNumberOfThreads) {
  std::string list;
  std::string annotations;
  for (int i = 0; i < 6; ++i) {
    const Box white{3 + i, std::int64_t{5} * i, 12, 20};
    const std::string name = std::to_string(i) + ".npy";
    add_image(name, PixelType::uint8, 3, white);
    list += (i == 0 ? "" : ",") + image(i, name);
    annotations +=
        (i == 0 ? "" : ",") + annotation(i, i, white, i % 2 == 0 ? polygon(white) : runs(white));
  }
  const auto source = images(list, annotations);
  const auto all = [&](std::int64_t workers) {
    LoaderConfig config;
    config.batch_size = 3;
    config.end_epoch = 4;
    config.num_workers = workers;
    SampleLoader<Sample> loader(source, annotated_samples(source, config_of(jitter_padded(48), 3)),
                                config);
    std::vector<Sample> samples;
    while (auto batch = loader.next()) {
      for (Sample& sample : batch->made) samples.push_back(std::move(sample));
    }
    return samples;
  };
  const std::vector<Sample> expected = all(0);
  const std::vector<Sample> actual = all(3);
  ASSERT_EQ(expected.size(), 24);
  ASSERT_EQ(actual.size(), 24);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(actual[i].pixels, expected[i].pixels);
    EXPECT_EQ(actual[i].objects->boxes, expected[i].objects->boxes);
    EXPECT_EQ(actual[i].objects->masks, expected[i].objects->masks);
  }
}

TEST_F(AnnotatedSample, TrainingDropsWhatDetectron2Drops) {
  add_image("a.npy", PixelType::uint8, 1, {0, 0, 9, 9});
  const Box box{4, 4, 20, 20};
  std::string crowd = annotation(2, 1, box);
  crowd.replace(crowd.find(R"("iscrowd": 0)"), 12, R"("iscrowd": 1)");
  const std::string list = image(1, "a.npy") + "," + image(2, "a.npy") + "," + image(3, "a.npy");
  const std::string objects = annotation(1, 1, box) + "," + crowd + "," +
                              annotation(3, 1, box, "[[4, 4, 9, 9]]") + "," +
                              annotation(4, 1, box, "[[4, 4, 9, 9], [4, 4, 9, 9, 4, 9]]") + "," +
                              annotation(5, 3, box, "[[4, 4, 9, 9]]");
  const auto source = images(list, objects);
  ASSERT_EQ(source->size(), 1);
  const Objects found =
      *AnnotatedSampleMaker(source, config_of(test_unpadded(40, 60), 1)).make(0, {}).objects;
  ASSERT_EQ(found.boxes.size(), 2);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(found.masks[0]));
  EXPECT_EQ(std::get<std::vector<Polygon>>(found.masks[1]).size(), 1);

  for (const Which which : {Which::training_with_empty, Which::all}) {
    const auto all = images(list, objects, which);
    ASSERT_EQ(all->size(), 3);
    const Sample empty = AnnotatedSampleMaker(all, config_of(jitter_padded(32), 1)).make(1, {});
    ASSERT_TRUE(empty.objects.has_value());
    EXPECT_TRUE(empty.objects->boxes.empty());
  }
}

TEST_F(AnnotatedSample, NamesTheAnnotationWhoseMaskIsNone) {
  add_image("a.npy", PixelType::uint8, 1, {0, 0, 9, 9});
  const Box box{4, 4, 20, 20};
  const auto source =
      images(image(1, "a.npy"), annotation(77, 1, box, runs(box, {kWidth, kHeight})));
  EXPECT_THAT(
      [&] { AnnotatedSampleMaker(source, config_of(test_padded(8), 1)).make(0, {}); },
      ThrowsMessage<UserError>("expected run lengths of the image's 40x60 pixels in annotation 77, "
                               "found 60x40: mend the annotation"));
}

TEST_F(AnnotatedSample, RefusesConfigurationsBeforeThreadsBegin) {
  add_image("a.npy", PixelType::uint8, 1, {0, 0, 9, 9});
  const auto source = images(image(1, "a.npy"), annotation(1, 1, {0, 0, 9, 9}));
  AnnotatedSampleConfig config = config_of(jitter_padded(0), 1);
  EXPECT_THROW(annotated_samples(source, config), UserError);
  config = config_of(jitter_padded(8), 1);
  config.decode.channels = 3;
  EXPECT_THROW(annotated_samples(source, config), UserError);
}

}  // namespace
}  // namespace convmae
