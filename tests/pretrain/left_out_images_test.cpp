#include "convmae/base/error.h"
#include "convmae/data/decode/npy.h"
#include "convmae/features/features.h"
#include "convmae/features/image_statistics.h"
#include "convmae/pretrain/held_out_loss.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_model.h"
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// Colour images of two classes; some of them are cut short.
class CutImages : public ImageSource {
 public:
  CutImages(std::int64_t size, std::set<std::int64_t> cut) : size_(size), cut_(std::move(cut)) {}

  std::int64_t size() const override { return size_; }
  std::string name(std::int64_t index) const override { return "image " + std::to_string(index); }
  std::int64_t label(std::int64_t index) const override { return index % 2; }
  const std::vector<std::string>& classes() const override { return classes_; }
  SourceAccount account() const override { return {.images = size()}; }
  void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const override {
    const std::string header = npy_header(PixelType::uint8, {40, 60, 3});
    bytes.assign(header.begin(), header.end());
    for (std::int64_t i = 0; i < std::int64_t{40} * 60 * 3; ++i) {
      bytes.push_back(static_cast<std::uint8_t>(index * 53 + i * (index % 5 + 1) / 7));
    }
    if (cut_.contains(index)) bytes.pop_back();
  }

 private:
  std::int64_t size_;
  std::set<std::int64_t> cut_;
  std::vector<std::string> classes_{"even", "odd"};
};

std::shared_ptr<const ImageSource> eight_of_ten() {
  return std::make_shared<CutImages>(10, std::set<std::int64_t>{8, 9});
}
std::shared_ptr<const ImageSource> eight() {
  return std::make_shared<CutImages>(8, std::set<std::int64_t>{});
}

/// Batches of two: of the ten images, the last batch has nothing left.
ImageReading leaving_out(std::vector<std::int64_t>* left_out = nullptr) {
  ImageReading reading;
  reading.batch_size = 2;
  reading.leave_out_bad = true;
  reading.report_bad = [left_out](const BadSample& bad) {
    if (left_out != nullptr) left_out->push_back(bad.sample);
  };
  return reading;
}

TEST(LeftOutImages, DoNotCountInAHeldOutLoss) {
  const auto model = tiny_model(1);
  PretrainOptions options;
  options.model_config = tiny_config();
  options.mean = {0.4, 0.5, 0.6};
  options.std = {0.2, 0.2, 0.2};
  std::vector<std::int64_t> left_out;
  const Evaluation found = evaluate(*model, options, eight_of_ten(), leaving_out(&left_out));
  const Evaluation expected = evaluate(*model, options, eight(), leaving_out());
  EXPECT_EQ(found.images, 8);
  EXPECT_EQ(found.loss, expected.loss);
  EXPECT_EQ(found.baseline, expected.baseline);
  EXPECT_THAT(left_out, ElementsAre(8, 9));
  ImageReading strict = leaving_out();
  strict.leave_out_bad = false;
  EXPECT_THAT([&] { evaluate(*model, options, eight_of_ten(), strict); },
              ThrowsMessage<UserError>(HasSubstr("image 8")));
}

TEST(LeftOutImages, HaveNoFeatures) {
  const FeatureModel model(tiny_model(1), tiny_info().preprocessing);
  const LabelledFeatures found = labelled_features(model, eight_of_ten(), leaving_out());
  const LabelledFeatures expected = labelled_features(model, eight(), leaving_out());
  EXPECT_TRUE(at::equal(found.features, expected.features));
  EXPECT_TRUE(at::equal(found.labels, expected.labels));
}

TEST(LeftOutImages, DoNotCountInStatistics) {
  const ImageStatistics found = image_statistics(eight_of_ten(), {32, 32}, 3, leaving_out());
  const ImageStatistics expected = image_statistics(eight(), {32, 32}, 3, leaving_out());
  EXPECT_EQ(found.images, 8);
  EXPECT_EQ(found.mean, expected.mean);
  EXPECT_EQ(found.std, expected.std);
}

}  // namespace
}  // namespace convmae
