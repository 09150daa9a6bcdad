#include "convmae/data/sample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace convmae {
namespace {

/// Pixels that all differ, from `first` on.
Sample sample_of(Size size, std::int64_t channels, float first) {
  Sample sample;
  sample.size = sample.content = size;
  sample.pixels.resize(static_cast<std::size_t>(channels * size.height * size.width));
  std::iota(sample.pixels.begin(), sample.pixels.end(), first);
  return sample;
}

LabelMap map_of(Size size, std::int16_t label) {
  return {std::vector<std::int16_t>(static_cast<std::size_t>(size.height * size.width), label)};
}

TEST(PadTogether, PutsEachImageInACornerAndPaddingAroundIt) {
  std::vector<Sample> samples{sample_of({2, 5}, 2, 1), sample_of({3, 1}, 2, 100)};
  samples[0].label = 7;
  samples[0].content = {2, 4};  // padded before
  samples[0].original = {20, 40};
  for (Sample& sample : samples) sample.map = map_of(sample.size, 3);
  samples[0].objects.emplace().boxes.push_back({1, 0, 2, 2});
  samples[0].objects->classes.push_back(4);
  samples[1].objects.emplace();
  const PaddedBatch batch = pad_together(samples, 2, 4);
  EXPECT_EQ(batch.size, (Size{4, 8}));
  EXPECT_EQ(batch.contents, (std::vector<Size>{{2, 4}, {3, 1}}));
  EXPECT_EQ(batch.originals, (std::vector<Size>{{20, 40}, {0, 0}}));
  EXPECT_EQ(batch.labels, (std::vector<std::int64_t>{7, ImageSource::kNoLabel}));
  ASSERT_EQ(batch.pixels.size(), 2 * 2 * 4 * 8);
  ASSERT_EQ(batch.maps.size(), 2 * 4 * 8);
  for (std::size_t i = 0; i < 2; ++i) {
    const Size size = samples[i].size;
    for (std::int64_t y = 0; y < 4; ++y) {
      for (std::int64_t x = 0; x < 8; ++x) {
        const bool inside = y < size.height && x < size.width;
        const auto at = [&](std::int64_t plane) {
          return static_cast<std::size_t>((plane * 4 + y) * 8 + x);
        };
        EXPECT_EQ(batch.maps[at(static_cast<std::int64_t>(i))], inside ? 3 : LabelMap::kIgnored);
        for (std::int64_t c = 0; c < 2; ++c) {
          const auto from = static_cast<std::size_t>((c * size.height + y) * size.width + x);
          EXPECT_EQ(batch.pixels[at(static_cast<std::int64_t>(i) * 2 + c)],
                    inside ? samples[i].pixels[from] : 0);
        }
      }
    }
  }
  ASSERT_EQ(batch.objects.size(), 2);
  EXPECT_EQ(batch.objects[0].boxes, samples[0].objects->boxes);
  EXPECT_EQ(batch.objects[0].classes, (std::vector<std::int64_t>{4}));
  EXPECT_TRUE(batch.objects[1].boxes.empty());
}

TEST(PadTogether, AddsNothingToImagesOfOneSize) {
  const std::vector<Sample> samples{sample_of({3, 4}, 1, 0), sample_of({3, 4}, 1, 12)};
  const PaddedBatch batch = pad_together(samples, 1);
  std::vector<float> expected(24);
  std::iota(expected.begin(), expected.end(), 0.0F);
  EXPECT_EQ(batch.pixels, expected);
  EXPECT_TRUE(batch.maps.empty());
  EXPECT_TRUE(batch.objects.empty());
}

TEST(PadTo, AddsThePaddingOfABatchToOneSample) {
  Sample sample = sample_of({2, 3}, 2, 1);
  sample.map = map_of(sample.size, 4);
  const std::vector<Sample> before{sample};
  pad_to({4, 8}, 2, sample);
  const PaddedBatch batch = pad_together(before, 2, 4);
  ASSERT_EQ(batch.size, (Size{4, 4}));
  EXPECT_EQ(sample.size, (Size{4, 8}));
  EXPECT_EQ(sample.content, (Size{2, 3}));
  for (std::size_t y = 0; y < 8; ++y) {  // of two channels
    for (std::size_t x = 0; x < 8; ++x) {
      EXPECT_EQ(sample.pixels[y * 8 + x], x < 4 ? batch.pixels[y * 4 + x] : 0);
    }
  }
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(sample.map->classes[i], i / 8 < 2 && i % 8 < 3 ? 4 : LabelMap::kIgnored);
  }
}

TEST(PadTogether, RefusesSamplesThatDoNotFitTogether) {
  const std::vector<Sample> sound{sample_of({2, 2}, 1, 0), sample_of({2, 2}, 1, 0)};
  const auto refuses = [&sound](auto spoil) {
    std::vector<Sample> samples = sound;
    spoil(samples[1]);
    EXPECT_THROW(pad_together(samples, 1), std::logic_error);
  };
  EXPECT_NO_THROW(pad_together(sound, 1));
  refuses([](Sample& sample) { sample.pixels.pop_back(); });
  refuses([](Sample& sample) { sample.map = map_of({2, 2}, 0); });
  refuses([](Sample& sample) { sample.objects.emplace(); });
}

}  // namespace
}  // namespace convmae
