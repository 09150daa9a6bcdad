#include "convmae/train/pixel_feed.h"

#include "convmae/train/batches.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <numeric>

namespace convmae {
namespace {

/// Three images of 5x4 with all 8-bit values in three channels, or one.
struct BothWays {
  explicit BothWays(std::int64_t channels)
      : preprocessing(default_preprocessing(channels, {5, 4})) {
    const std::int64_t values = channels * 20;
    bytes.count = floats.count = 3;
    bytes.bytes = std::make_shared<std::uint8_t[]>(static_cast<std::size_t>(3 * values));
    std::iota(bytes.bytes.get(), bytes.bytes.get() + 3 * values, std::uint8_t{0});
    floats.pixels = std::make_shared<float[]>(static_cast<std::size_t>(3 * values));
    const TransformConfig transform = evaluation_transform(preprocessing, {});
    for (std::int64_t i = 0; i < 3; ++i) {
      normalise(bytes.bytes.get() + i * values, {5, 4}, transform.normalisation, /*flip=*/false,
                floats.pixels.get() + i * values);
    }
  }

  Preprocessing preprocessing;
  Batch bytes;
  Batch floats;
};

TEST(PixelFeed, GivesTheSameBitsForBytesAndFloats) {
  for (const std::int64_t channels : {1, 3, 4}) {
    const BothWays batches(channels);
    PixelFeed feed(batches.preprocessing, at::kCPU);
    const at::Tensor expected = feed.images(batches.floats);
    EXPECT_EQ(expected.sizes(), (std::vector<std::int64_t>{3, channels, 5, 4}));
    EXPECT_TRUE(expected.equal(feed.images(batches.bytes))) << channels;
  }
}

TEST(PixelFeed, OutlivesTheBatchAndItself) {
  at::Tensor images;
  {
    const BothWays batches(3);
    images = PixelFeed(batches.preprocessing, at::kCPU).images(batches.floats);
  }
  const BothWays again(3);
  EXPECT_TRUE(images.equal(PixelFeed(again.preprocessing, at::kCPU).images(again.bytes)));
}

TEST(BatchMemory, IsBytesForDevicesAlone) {
  EXPECT_FALSE(batch_memory(at::kCPU, /*bytes=*/true).bytes);
  EXPECT_TRUE(batch_memory(at::kMeta, /*bytes=*/true).bytes);
  EXPECT_FALSE(batch_memory(at::kMeta, /*bytes=*/false).bytes);
}

}  // namespace
}  // namespace convmae
