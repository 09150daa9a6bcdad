#include "convmae/data/labels/labelled_sample.h"

#include "convmae/base/error.h"
#include "convmae/data/decode/npy.h"
#include "convmae/data/labels/label_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data_files.h"
#include "decode/label_png.h"
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// Images of 30x40 whose grey value says which id a pixel has: 40 times it.
class LabelledSample : public testing::Test {
 protected:
  static constexpr Size kSize{30, 40};
  static constexpr int kIds = 6;  // 0, which is ignored, to 5

  static std::vector<std::uint32_t> ids(int seed, Size size) {
    std::vector<std::uint32_t> ids;
    for (std::int64_t y = 0; y < size.height; ++y) {
      for (std::int64_t x = 0; x < size.width; ++x) {
        ids.push_back(static_cast<std::uint32_t>((y / 6 + x / 5 * 2 + seed) % kIds));
      }
    }
    return ids;
  }

  void add(const std::string& name, int seed, std::int64_t channels = 3,
           PixelType type = PixelType::uint8, Size label_size = kSize) {
    std::string file = npy_header(type, {kSize.height, kSize.width, channels});
    for (const std::uint32_t id : ids(seed, kSize)) {
      for (std::int64_t c = 0; c < channels; ++c) {
        if (type == PixelType::uint16) file += '\0';
        file += static_cast<char>(40 * id);
      }
    }
    std::filesystem::create_directories(files_.path() / "images");
    std::filesystem::create_directories(files_.path() / "annotations");
    files_.write("images/" + name + ".npy", file);
    files_.write("annotations/" + name + ".png",
                 test::label_png(label_size, ids(seed, label_size)));
  }

  std::shared_ptr<const LabelPairs> pairs() const {
    return open_label_pairs(files_.path(), {}, Split::train);
  }

  static std::shared_ptr<const LabelScheme> scheme() {
    return std::make_shared<LabelScheme>(
        std::vector<LabelScheme::Class>{{"a", {1}}, {"b", {2}}, {"c", {3}}, {"d", {4}}, {"e", {5}}},
        std::vector<std::int32_t>{0});
  }

  /// That neither changes colours nor scales pixels but to levels of 0..1.
  static LabelledSampleConfig config_of(std::int64_t channels, Size crop) {
    LabelledSampleConfig config;
    config.decode.channels = channels;
    const auto count = static_cast<std::size_t>(channels);
    config.normalisation = {std::vector<float>(count, 0), std::vector<float>(count, 1)};
    config.recipe.bounds = {40, 30};
    config.recipe.crop = crop;
    config.recipe.distort = false;
    return config;
  }

  static Sample make(const std::shared_ptr<const LabelPairs>& pairs,
                     const LabelledSampleConfig& config, std::int64_t index, const DrawKey& key) {
    return labelled_samples(pairs, scheme(), config)()(*pairs, index, key);
  }

  test::DataDirectory files_;
};

/// The share of a sample's pixels whose level says what their class says.
double agreement(const Sample& sample, std::int64_t channel, float full) {
  std::int64_t agree = 0;
  const std::int64_t plane = sample.size.height * sample.size.width;
  for (std::int64_t y = 0; y < sample.content.height; ++y) {
    for (std::int64_t x = 0; x < sample.content.width; ++x) {
      const auto place = static_cast<std::size_t>(y * sample.size.width + x);
      const float level = sample.pixels[static_cast<std::size_t>(channel * plane) + place] * full;
      const std::int16_t k = sample.map->classes[place];
      const int id = k == LabelMap::kIgnored ? 0 : k + 1;
      agree += std::abs(level - static_cast<float>(40 * id)) < 1 ? 1 : 0;
    }
  }
  return static_cast<double>(agree) /
         static_cast<double>(sample.content.height * sample.content.width);
}

TEST_F(LabelledSample, LabelsStayWithTheirPixels) {
  add("a", 0);
  add("wide", 1, 5, PixelType::uint16);
  const auto all = pairs();
  for (const auto& [index, channels, full] :
       {std::tuple{0, std::int64_t{3}, 255.0F}, {1, std::int64_t{5}, 65535.0F / 256}}) {
    const LabelledSampleConfig config = config_of(channels, {32, 24});
    double worst = 1;
    std::vector<Size> contents;
    for (std::uint64_t i = 0; i < 40; ++i) {
      const Sample sample = make(all, config, index, {5, 6, i});
      EXPECT_EQ(sample.size, (Size{32, 24}));
      EXPECT_EQ(sample.original, kSize);
      contents.push_back(sample.content);
      // What lies between two classes is a mixture of their colours.
      worst = std::min(worst, agreement(sample, channels - 1, full));
    }
    EXPECT_GT(worst, 0.4);
    EXPECT_GT(agreement(make(all, config, index, {5, 6, 2}), 0, full), 0.4);
    EXPECT_THAT(contents, testing::Contains(Size{32, 24}));
    EXPECT_THAT(contents, testing::Contains(testing::Field(&Size::height, testing::Lt(24))));
  }
}

TEST_F(LabelledSample, PaddingIsTheMeanAndCountsForNothing) {
  add("a", 3);
  LabelledSampleConfig config = config_of(3, {50, 60});
  config.recipe.smallest = config.recipe.largest = 1;
  config.normalisation = Normalisation::defaults(3);
  const Sample sample = make(pairs(), config, 0, {});
  EXPECT_EQ(sample.size, (Size{50, 60}));
  EXPECT_EQ(sample.content, kSize);
  EXPECT_EQ(sample.pixels[50], 0);
  EXPECT_EQ(sample.pixels.back(), 0);
  EXPECT_NE(sample.pixels.front(), 0);
  EXPECT_EQ(sample.map->classes[40], LabelMap::kIgnored);
  EXPECT_EQ(sample.map->classes.back(), LabelMap::kIgnored);
  EXPECT_EQ(std::ssize(sample.map->classes), 3000);
}

TEST_F(LabelledSample, ColoursAreDistortedAndLabelsAreNot) {
  add("a", 1);
  LabelledSampleConfig config = config_of(3, {24, 24});
  LabelledSampleConfig distorting = config;
  distorting.recipe.distort = true;
  int changed = 0;
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Sample plain = make(pairs(), config, 0, {1, 2, i});
    const Sample distorted = make(pairs(), distorting, 0, {1, 2, i});
    EXPECT_EQ(plain.map->classes, distorted.map->classes);
    changed += plain.pixels == distorted.pixels ? 0 : 1;
  }
  // Of grey, brightness or contrast.
  EXPECT_GT(changed, 8);
  config = distorting;

  add("wide", 1, 3, PixelType::uint16);
  const auto all = pairs();
  EXPECT_THAT(
      [&] {
        make(all, config, 1, {1, 2, 3});
      },
      ThrowsMessage<UserError>(HasSubstr("expected 8-bit pixels for the photometric")));
  config.decode.channels = 5;
  config.normalisation = Normalisation::defaults(5);
  EXPECT_THAT([&] { labelled_samples(all, scheme(), config); },
              ThrowsMessage<UserError>(HasSubstr("expected 3 channels for the photometric")));
}

TEST_F(LabelledSample, IsTheSameWithAnyNumberOfThreads) {
  for (int i = 0; i < 6; ++i) add(std::to_string(i), i);
  const auto source = pairs();
  LabelledSampleConfig config = config_of(3, {16, 20});
  config.recipe.distort = true;
  const auto all = [&](std::int64_t workers) {
    LoaderConfig loading;
    loading.batch_size = 3;
    loading.end_epoch = 4;
    loading.num_workers = workers;
    SampleLoader<Sample> loader(source, labelled_samples(source, scheme(), config), loading);
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
    EXPECT_EQ(actual[i].map->classes, expected[i].map->classes);
  }
  EXPECT_NE(expected[0].pixels, expected[6].pixels);
}

TEST_F(LabelledSample, BadLabelsNameTheirFile) {
  add("a", 0);
  add("b", 0, 3, PixelType::uint8, {30, 41});
  files_.write("annotations/a.png", "GIF89a");
  const auto all = pairs();
  const LabelledSampleConfig config = config_of(3, {16, 16});
  EXPECT_THAT([&] { make(all, config, 0, {}); },
              ThrowsMessage<UserError>(AllOf(HasSubstr("its label file '"), HasSubstr("a.png': "),
                                             HasSubstr("expected a PNG or .npy of labels"))));
  EXPECT_THAT([&] { make(all, config, 1, {}); },
              ThrowsMessage<UserError>(AllOf(
                  HasSubstr("b.png': "), HasSubstr("expected 30x40 pixels"), HasSubstr("30x41"))));
  const auto narrow = std::make_shared<LabelScheme>(std::vector<LabelScheme::Class>{{"a", {1}}},
                                                    std::vector<std::int32_t>{0});
  add("a", 0);
  EXPECT_THAT(
      [&] { labelled_samples(all, narrow, config)()(*all, 0, {}); },
      ThrowsMessage<UserError>(AllOf(HasSubstr("a.png': found the id 2 at row 0, column 5"))));
}

TEST_F(LabelledSample, ImagesAreTurnedAndLabelsAreNot) {
  std::filesystem::create_directories(files_.path() / "images");
  std::filesystem::create_directories(files_.path() / "annotations");
  std::filesystem::copy_file(
      std::filesystem::path(CONVMAE_SOURCE_DIR) / "tests/golden/images/exif6_320x240_q90.jpg",
      files_.path() / "images/a.jpg");
  const auto labels_of = [](Size size) {
    return test::LabelPng{.size = size, .bits = 4, .values = ids(0, size)}.file();
  };
  files_.write("annotations/a.png", labels_of({320, 240}));
  const LabelledSampleConfig config = config_of(3, {16, 16});
  EXPECT_EQ(make(pairs(), config, 0, {}).original, (Size{320, 240}));
  files_.write("annotations/a.png", labels_of({240, 320}));
  EXPECT_THAT([&] { make(pairs(), config, 0, {}); },
              ThrowsMessage<UserError>(HasSubstr("expected 320x240 pixels")));
}

TEST_F(LabelledSample, WholeImagesKeepTheirLabels) {
  add("a", 2);
  const auto all = pairs();
  WholeImageConfig config;
  config.normalisation = Normalisation::defaults(3);
  config.bounds = Bounds{20, 15};
  const WholeImage whole = whole_images(all, scheme(), config)()(*all, 0, {});
  EXPECT_EQ(whole.size, (Size{15, 20}));
  EXPECT_EQ(whole.original, kSize);
  EXPECT_EQ(whole.pixels.size(), 3 * 15 * 20);
  ASSERT_TRUE(whole.labels.has_value());
  const std::vector<std::uint32_t> expected = ids(2, kSize);
  ASSERT_EQ(whole.labels->classes.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(whole.labels->classes[i], static_cast<std::int16_t>(expected[i]) - 1);
  }
  config.bounds.reset();
  const WholeImage unlabelled = whole_images(config)()(*all, 0, {});
  EXPECT_EQ(unlabelled.size, kSize);
  EXPECT_FALSE(unlabelled.labels.has_value());
  config.bounds = Bounds{0, 15};
  EXPECT_THROW(whole_images(config), UserError);
}

TEST_F(LabelledSample, TheCheckCountsIdsAndNamesWhatIsWrong) {
  add("a", 0);
  add("b", 1);
  add("c", 2, 3, PixelType::uint8, {30, 41});
  files_.write("images/lone.npy", "");
  files_.write("images/d.npy", "not an image");
  files_.write("annotations/d.png", test::label_png({1, 2}, {0, 0}));
  files_.write("annotations/e.png", "");
  files_.write("images/e.npy", "");
  const auto all = pairs();
  const LabelScheme narrow({{"a", {1}}, {"b", {2}}, {"c", {3}}, {"d", {4}}, {"z", {9}}}, {0});
  const LabelReport report = check_labels(*all, &narrow, nullptr);
  EXPECT_EQ(report.pairs, 5);
  EXPECT_EQ(report.smallest, (Size{1, 2}));
  EXPECT_EQ(report.largest, (Size{30, 41}));
  std::int64_t pixels = 0;
  for (const auto& [id, count] : report.ids) pixels += count.pixels;
  EXPECT_EQ(pixels, 2 * 1200 + 1230 + 2);
  EXPECT_EQ(report.ids.at(5).files, 3);
  EXPECT_EQ(report.ids.at(0).files, 4);
  // id 5 of three files, a size, an image and a label that cannot be read
  ASSERT_EQ(report.error_count, 6);
  EXPECT_THAT(report.errors,
              testing::Contains(AllOf(HasSubstr("a.png': the id 5 of "), HasSubstr("row "),
                                      HasSubstr("is of none of the 5 classes"))));
  EXPECT_THAT(report.errors,
              testing::Contains(AllOf(HasSubstr("c.png': expected 30x40"), HasSubstr("30x41"))));
  EXPECT_THAT(report.errors, testing::Contains(HasSubstr("d.npy': expected a JPEG")));
  EXPECT_THAT(report.errors, testing::Contains(HasSubstr("e.png': the file is empty")));
  std::vector<std::string> warnings;
  for (const LabelReport::Warning& warning : report.warnings) {
    warnings.push_back(std::to_string(warning.count) + " " + warning.kind);
  }
  EXPECT_EQ(warnings, (std::vector<std::string>{"1 images without a label file",
                                                "1 label files of which no pixel counts",
                                                "1 classes that occur nowhere"}));
  EXPECT_EQ(check_labels(*all, nullptr, nullptr).error_count, 3) << "any id is right";
}

}  // namespace
}  // namespace convmae
