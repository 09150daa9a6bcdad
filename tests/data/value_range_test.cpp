#include "convmae/data/value_range.h"

#include "convmae/data/decode/npy.h"
#include "convmae/data/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace convmae {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Image image_between(float least, float most) {
  Image image({2, 3}, 1, PixelType::float32);
  std::ranges::fill(image.values<float>(), (least + most) / 2);
  image.values<float>()[1] = least;
  image.values<float>()[4] = most;
  return image;
}

TEST(HintOfScale, SaysHowFloatsFarOutsideOfTheirRangeCanBeBroughtIntoIt) {
  EXPECT_EQ(hint_of_scale(image_between(0, 255)),
            "float numbers up to 255, expected 0..1: divide them by 255");
  EXPECT_THAT(hint_of_scale(image_between(3, 40)), HasSubstr("divide them by 255"));
  EXPECT_EQ(hint_of_scale(image_between(0, 4095.5F)),
            "float numbers up to 4096, expected 0..1: divide them by 65535");
  EXPECT_EQ(hint_of_scale(image_between(-2.125F, 2.5F)),
            "float numbers from -2.125 to 2.5, expected 0..1: scale them");
  EXPECT_THAT(hint_of_scale(image_between(-1, 1)), HasSubstr("from -1 to 1"));
  EXPECT_THAT(hint_of_scale(image_between(0, 1e9F)), HasSubstr("up to 1e+09"));
}

TEST(HintOfScale, IsSilentOnWhatIsNearlyInRangeAndOnWholeNumbers) {
  EXPECT_EQ(hint_of_scale(image_between(0, 1)), "");
  EXPECT_EQ(hint_of_scale(image_between(-0.2F, 1.3F)), "");
  Image bytes({2, 2}, 1);
  std::ranges::fill(bytes.values<std::uint8_t>(), std::uint8_t{200});
  EXPECT_EQ(hint_of_scale(bytes), "");
  EXPECT_EQ(hint_of_scale(Image()), "");
}

/// Float images of one value each.
class Values : public ImageSource {
 public:
  explicit Values(std::vector<float> values) : values_(std::move(values)) {}

  std::int64_t size() const override { return std::ssize(values_); }
  std::string name(std::int64_t index) const override { return std::to_string(index); }
  std::int64_t label(std::int64_t /*index*/) const override { return kNoLabel; }
  const std::vector<std::string>& classes() const override { return classes_; }
  SourceAccount account() const override { return {}; }
  void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const override {
    const std::string header = npy_header(PixelType::float32, {1, 1});
    bytes.assign(header.begin(), header.end());
    bytes.resize(header.size() + sizeof(float));
    std::memcpy(bytes.data() + header.size(), &values_[static_cast<std::size_t>(index)],
                sizeof(float));
  }

 private:
  std::vector<float> values_;
  std::vector<std::string> classes_;
};

TEST(Loader, HintsOnceAtTheFirstImageWithAnyNumberOfThreads) {
  std::vector<float> values(60, 0.5F);
  for (const std::size_t far : {13U, 14U, 15U, 40U}) values[far] = 100.0F + static_cast<float>(far);
  TransformConfig transform;
  transform.geometric = Geometric::centre_crop;
  transform.output = {4, 4};
  transform.decode.channels = 1;
  transform.normalisation = Normalisation::defaults(1);
  for (const int workers : {0, 1, 4}) {
    std::vector<std::string> hints;
    LoaderConfig config;
    config.batch_size = 4;
    config.shuffle = false;
    config.end_epoch = 2;
    config.num_workers = workers;
    config.hint = [&hints](const std::string& hint) { hints.push_back(hint); };
    Loader loader(std::make_shared<Values>(values), transform, config);
    while (loader.next()) continue;
    EXPECT_THAT(hints, ElementsAre("'13' has float numbers up to 113, expected 0..1: divide "
                                   "them by 255"));
  }
}

}  // namespace
}  // namespace convmae
