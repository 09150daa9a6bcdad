#include "convmae/segment/segmentor_inference.h"

#include "convmae/base/error.h"
#include "convmae/report/png.h"
#include "convmae/segment/segmentation_files.h"
#include "convmae/segment/segmentation_gallery.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/small_segmentor.h"
#include "support/tiny_model.h"
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace convmae {
namespace {

/// Pictures of different sizes with labels of seven classes, some of them ignored.
class SegmentorInference : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<LabelPairs::Pair> pairs;
    for (std::int64_t i = 0; i < 3; ++i) {
      const Size size{40 + 9 * i, 70 - 5 * i};
      Picture picture(size.height, size.width, Colour{});
      std::vector<std::uint8_t> ids(static_cast<std::size_t>(size.height * size.width));
      for (std::size_t k = 0; k < ids.size(); ++k) {
        ids[k] = static_cast<std::uint8_t>(k * k / 7 % 8 + 1);
        picture.rgb[3 * k] = static_cast<std::uint8_t>(k % 251);
        picture.rgb[3 * k + 1] = static_cast<std::uint8_t>(k / 3 % 256);
      }
      const std::string name = std::to_string(i) + ".png";
      write(name, encode_png(picture));
      write("label_" + name, encode_grey_png(ids, size.height, size.width));
      pairs.push_back(
          {(scratch_.path() / name).string(), (scratch_.path() / ("label_" + name)).string()});
    }
    std::vector<LabelScheme::Class> classes(7);
    for (std::size_t k = 0; k < classes.size(); ++k) {
      classes[k] = {"c" + std::to_string(k), {static_cast<std::int32_t>(k + 1)}};
    }
    data_ = {std::make_shared<LabelPairs>(std::move(pairs), LabelPairs::Lone{}, SourceAccount{}),
             std::make_shared<LabelScheme>(std::move(classes), std::vector<std::int32_t>{8})};
    reading_.num_workers = 1;
    input_.preprocessing = default_preprocessing(3, {48, 64});
    input_.viewing = {{48, 64}, {32, 32}, false};
  }

  void write(const std::string& name, const std::vector<std::uint8_t>& bytes) const {
    std::ofstream(scratch_.path() / name)
        .write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  }

  ScratchDirectory scratch_;
  LabelledPairs data_;
  ImageReading reading_;
  SegmentorInput input_;
  std::shared_ptr<Segmentor> segmentor_ = random_segmentor(small_segmentor_config());
};

struct Kept {
  std::int64_t sample = 0;
  Size size;
  std::vector<std::int16_t> predicted;
  std::vector<std::int16_t> labels;
};

Kept kept(const SegmentedImage& found) {
  return {found.sample,
          found.size,
          {found.predicted.begin(), found.predicted.end()},
          {found.labels.begin(), found.labels.end()}};
}

TEST_F(SegmentorInference, CountsWhatItHandsOver) {
  segmentor_->train();
  std::vector<Kept> all;
  const SegmentationMetrics metrics =
      evaluate_segmentor(*segmentor_, input_, data_, reading_,
                         [&all](const SegmentedImage& found) { all.push_back(kept(found)); });
  EXPECT_TRUE(segmentor_->is_training());
  ASSERT_EQ(all.size(), 3);
  std::int64_t counted = 0;
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < 3; ++i) {
    const Kept& image = all[static_cast<std::size_t>(i)];
    EXPECT_EQ(image.sample, i);
    EXPECT_EQ(image.size, (Size{40 + 9 * i, 70 - 5 * i}));
    ASSERT_EQ(std::ssize(image.predicted), image.size.height * image.size.width);
    ASSERT_EQ(image.labels.size(), image.predicted.size());
    for (std::size_t k = 0; k < image.labels.size(); ++k) {
      EXPECT_EQ(image.labels[k], k * k / 7 % 8 == 7 ? -1 : static_cast<int>(k * k / 7 % 8));
      counted += image.labels[k] >= 0 ? 1 : 0;
      right += image.labels[k] == image.predicted[k] ? 1 : 0;
    }
  }
  EXPECT_EQ(metrics.pixels(), counted);
  EXPECT_DOUBLE_EQ(metrics.overall_accuracy(),
                   static_cast<double>(right) / static_cast<double>(counted));
}

TEST_F(SegmentorInference, NeedsNoLabels) {
  std::vector<Kept> with;
  std::vector<Kept> without;
  segment_labelled(*segmentor_, input_, data_, reading_,
                   [&](const SegmentedImage& found) { with.push_back(kept(found)); });
  segment_images(*segmentor_, input_, data_.pairs, reading_,
                 [&](const SegmentedImage& found) { without.push_back(kept(found)); });
  ASSERT_EQ(without.size(), 3);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(without[i].predicted, with[i].predicted);
    EXPECT_TRUE(without[i].labels.empty());
  }
  // A resized image is another one, of the same size in the end.
  input_.bounds = Bounds{128, 96};
  segment_images(*segmentor_, input_, data_.pairs, reading_, [&](const SegmentedImage& found) {
    EXPECT_EQ(found.size, with[static_cast<std::size_t>(found.sample)].size);
  });
}

TEST_F(SegmentorInference, LeavesOutBadImagesIfItMay) {
  write("1.png", {1, 2, 3});
  EXPECT_THROW(evaluate_segmentor(*segmentor_, input_, data_, reading_), UserError);
  reading_.leave_out_bad = true;
  std::vector<std::int64_t> samples;
  evaluate_segmentor(*segmentor_, input_, data_, reading_,
                     [&](const SegmentedImage& found) { samples.push_back(found.sample); });
  EXPECT_EQ(samples, (std::vector<std::int64_t>{0, 2}));
}

TEST(MeanIouOf, AnImageIsOverTheClassesThatItHas) {
  const std::vector<std::int16_t> labels{0, 0, 0, 1, -1, -1};
  const std::vector<std::int16_t> predicted{0, 0, 2, 1, 1, 0};
  const SegmentedImage image{0, {1, 6}, predicted, labels};
  EXPECT_DOUBLE_EQ(mean_iou_of(image, 3), (2.0 / 3 + 1) / 2);
  const std::vector<std::int16_t> nothing(6, -1);
  EXPECT_EQ(mean_iou_of({0, {1, 6}, predicted, nothing}, 3), 1);
}

TEST_F(SegmentorInference, TheGalleryKeepsTheWorst) {
  SegmentationGallery gallery(data_, 1, 2);
  for (const auto& [sample, right] : {std::pair{0, 0.5}, {1, 0.1}, {2, 0.3}}) {
    const Size size{40 + 9 * sample, 70 - 5 * sample};
    const auto pixels = static_cast<std::size_t>(size.height * size.width);
    const std::vector<std::int16_t> labels(pixels, 2);
    std::vector<std::int16_t> predicted(pixels, 2);
    std::fill(predicted.begin() + static_cast<std::ptrdiff_t>(right * static_cast<double>(pixels)),
              predicted.end(), std::int16_t{0});
    gallery.add({sample, size, predicted, labels});
  }
  const std::vector<Figure> worst = gallery.worst_figures({});
  ASSERT_EQ(worst.size(), 2);
  EXPECT_EQ(worst[0].caption, "2.png");
  EXPECT_EQ(worst[1].caption, "1.png");
  EXPECT_EQ(worst[1].label, "IoU 10 %");
  const std::vector<Figure> even = gallery.even_figures({});
  ASSERT_EQ(even.size(), 1);
  EXPECT_EQ(even[0].caption, "0.png");
  EXPECT_EQ(gallery.even_picture({}).width, 3 * 70 + 8);
  EXPECT_TRUE(SegmentationGallery(data_, 0, 0).even_picture({}).rgb.empty());
}

TEST_F(SegmentorInference, FilesSayWhatWasFound) {
  SegmentationMetrics metrics(3);
  const std::vector<std::int16_t> labels{0, 0, 0, 1};
  const std::vector<std::int16_t> predicted{0, 0, 1, 1};
  metrics.add(predicted, labels, -1);
  const std::vector<std::string> names{"sea", "a,b", "none"};
  EXPECT_EQ(class_csv(metrics, names),
            "class,pixels,predicted,iou,dice,accuracy\n"
            "sea,3,2,0.666667,0.800000,0.666667\n"
            "\"a,b\",1,2,0.500000,0.666667,1.000000\n"
            "none,0,0,,,\n");
  const std::filesystem::path out = scratch_.path() / "out";
  require_segmentation_directory(out);
  ReportData report;
  report.title = "what was found";
  write_evaluation(out, metrics, names, report);
  const auto json = nlohmann::ordered_json::parse(std::ifstream(out / "metrics.json"));
  EXPECT_EQ(json.at("pixels"), 4);
  EXPECT_DOUBLE_EQ(json.at("miou").get<double>(), (2.0 / 3 + 0.5) / 2);
  EXPECT_TRUE(json.at("classes")[2].at("iou").is_null());
  require_segmentation_directory(out);  // its own may be replaced
  std::ofstream(out / "metrics.json") << "mine";
  EXPECT_THROW(require_segmentation_directory(out), UserError);
}

}  // namespace
}  // namespace convmae
