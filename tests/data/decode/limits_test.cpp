#include "convmae/data/decode/npy.h"
#include "convmae/data/loader.h"

#include <gtest/gtest.h>

#include "malformed_image.h"
#include "raw_jpeg.h"
#include "raw_png.h"
#include "support/bytes.h"
#include "support/malformed.h"
#include <fstream>
#include <memory>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

// What an image may cost: DecodeOptions::max_pixels limits its pixels, and by them the bytes.
namespace convmae {
namespace {

using test::big;

void decode_within(std::int64_t max_pixels, const std::string& file, std::int64_t channels = 0) {
  DecodeOptions options;
  options.max_pixels = max_pixels;
  options.channels = channels;
  const std::vector<std::uint8_t> bytes(file.begin(), file.end());
  Image image;
  decode_image(bytes, options, image);
}

/// The least limit under which `file` is decoded: so much memory takes it, in pixels of RGB.
std::int64_t least_limit(const std::string& file, std::int64_t channels = 0) {
  std::int64_t refused = 0;
  std::int64_t taken = std::int64_t{1} << 24;
  while (taken - refused > 1) {
    const std::int64_t middle = (taken + refused) / 2;
    try {
      decode_within(middle, file, channels);
      taken = middle;
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find("above the limit"), std::string::npos)
          << error.what();
      EXPECT_NE(std::string(error.what()).find("--max_pixels"), std::string::npos) << error.what();
      refused = middle;
    }
  }
  return taken;
}

std::string npy(PixelType type, const std::vector<std::int64_t>& shape) {
  std::int64_t bytes = bytes_per_value(type);
  for (const std::int64_t side : shape) bytes *= side;
  return npy_header(type, shape) + std::string(static_cast<std::size_t>(bytes), '\0');
}

TEST(DecodeLimits, CountTheBytesOfAPixel) {
  EXPECT_EQ(least_limit(npy(PixelType::uint8, {50, 40})), 2000);
  EXPECT_EQ(least_limit(npy(PixelType::uint8, {50, 40, 3})), 2000);
  EXPECT_EQ(least_limit(npy(PixelType::uint8, {50, 40, 12})), 4 * 2000);
  EXPECT_EQ(least_limit(npy(PixelType::float32, {50, 40, 3})), 4 * 2000);
  // uint16 becomes float32 too when it is resized
  EXPECT_EQ(least_limit(npy(PixelType::uint16, {50, 40})), 2 * 2000);
  // grey that is delivered as RGB is there twice for a moment
  EXPECT_EQ(least_limit(npy(PixelType::uint8, {50, 30}), 3), 2000);
}

TEST(DecodeLimits, CountWhatLibrariesKeepBesideThePixels) {
  constexpr int kPixels = 37 * 53;
  EXPECT_EQ(least_limit(test::sound_image("baseline.jpg")), kPixels);
  // 4:2:0 has one and a half coefficients of two bytes a pixel, in whole blocks: 8x6 and 4x3 of
  // them
  EXPECT_EQ(least_limit(test::sound_image("progressive.jpg")), kPixels + 128 * (48 + 2 * 12) / 3);
  EXPECT_EQ(least_limit(test::sound_image("lossless.webp")), (7 * kPixels + 2) / 3);
  EXPECT_EQ(least_limit(test::sound_image("lossy.webp")), kPixels);
}

/// A grey progressive JPEG whose scans have next to no bytes.
std::string progressive(std::uint64_t side, int scans) {
  test::RawJpeg jpeg(test::sound_image("progressive.jpg"));
  jpeg.segments.clear();
  const std::uint64_t blocks = (side + 7) / 8 * ((side + 7) / 8);
  const std::size_t bytes = (15 * (blocks / 16384 + 2) + 7) / 8;
  jpeg.segments.push_back(
      {test::kQuantizationTables, std::string(1, '\0') + std::string(64, '\1')});
  jpeg.segments.push_back(
      {0xC2, "\x08" + big(side, 2) + big(side, 2) + std::string("\1\1\x11\0", 4)});
  jpeg.segments.push_back({test::kHuffmanTables, "\x10\x01" + std::string(15, '\0') + "\xE0"});
  for (int i = 0; i < scans; ++i) {
    jpeg.segments.push_back(
        {test::kStartOfScan, std::string("\1\1\0\1\x3F\0", 6), std::string(bytes, '\0')});
  }
  jpeg.segments.push_back({test::kEndOfImage, ""});
  return jpeg.file();
}

TEST(DecodeLimits, OfTheDefaultRefuseAGiantBeforeItsMemoryIsTaken) {
  for (const int scans : {1, 10}) {
    for (const bool fast : {false, true}) {
      test::expect_refused([&](test::Draws& /*draws*/) { return progressive(13'000, scans); },
                           [&](const std::string& file) {
                             DecodeOptions options;
                             if (fast) options.fast_cover = Size{224, 224};
                             const std::vector<std::uint8_t> bytes(file.begin(), file.end());
                             Image image;
                             decode_image(bytes, options, image);
                           },
                           "13000x13000", 1);
    }
  }
}

TEST(DecodeLimits, GoForTheScansOfALargeImage) {
  EXPECT_NO_THROW(decode_within(1 << 24, progressive(4'000, 30)));
  test::expect_refused([&](test::Draws& /*draws*/) { return progressive(4'000, 40); },
                       [](const std::string& file) { decode_within(1 << 24, file); },
                       "more scans than", 1);
  EXPECT_NO_THROW(decode_within(1 << 24, progressive(500, 250)));
}

TEST(DecodeLimits, ANarrowPngTakesTheMemoryOfItsPixels) {
  constexpr std::size_t kHeight = std::size_t{1} << 22;
  std::string pixels(2 * kHeight, '\0');
  uLongf size = compressBound(pixels.size());
  std::string compressed(size, '\0');
  compress(reinterpret_cast<Bytef*>(compressed.data()), &size,
           reinterpret_cast<const Bytef*>(pixels.data()), pixels.size());
  compressed.resize(size);
  test::RawPng png;
  png.chunks = {{"IHDR", big(1, 4) + big(kHeight, 4) + std::string("\x08\0\0\0\0", 5)},
                {"IDAT", compressed},
                {"IEND", ""}};
  const std::string file = png.file();
  test::forget_peak_memory();
  [[maybe_unused]] const long before = test::peak_memory_kib();
  EXPECT_THROW(decode_within(2 * kHeight, file), UserError);  // so many rows take time
  decode_within(8 * kHeight, file);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(test::peak_memory_kib() - before, 3 * static_cast<long>(kHeight >> 10));
#endif
}

/// Memory of the process that is in use, in KiB.
long resident_kib() {
  long pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * (::sysconf(_SC_PAGESIZE) >> 10);
}

/// The first image is a giant.
class OneGiant : public ImageSource {
 public:
  std::int64_t size() const override { return 4; }
  std::string name(std::int64_t index) const override { return std::to_string(index); }
  std::int64_t label(std::int64_t /*index*/) const override { return kNoLabel; }
  const std::vector<std::string>& classes() const override { return classes_; }
  SourceAccount account() const override { return {.images = size()}; }
  void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const override {
    const std::int64_t side = index == 0 ? kSide : 8;
    const std::string header = npy_header(PixelType::uint8, {side, side});
    bytes.assign(header.begin(), header.end());
    bytes.resize(header.size() + static_cast<std::size_t>(side * side));
  }

  static constexpr std::int64_t kSide = 9'000;

 private:
  std::vector<std::string> classes_;
};

TEST(DecodeLimits, AWorkerKeepsNoMemoryOfAGiant) {
  TransformConfig transform;
  transform.geometric = Geometric::centre_crop;
  transform.output = {8, 8};
  transform.decode.channels = 1;
  transform.normalisation = Normalisation::defaults(1);
  LoaderConfig config;
  config.batch_size = 1;
  config.shuffle = false;
  config.num_workers = 1;
  [[maybe_unused]] const long before = resident_kib();
  Loader loader(std::make_shared<OneGiant>(), transform, config);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(loader.next());
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(resident_kib() - before, OneGiant::kSide * OneGiant::kSide / 1024 / 2);
#endif
}

}  // namespace
}  // namespace convmae
