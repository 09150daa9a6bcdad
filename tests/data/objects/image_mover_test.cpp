#include "convmae/data/objects/image_mover.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace convmae {
namespace {

template <typename T>
Image image_of(Size size, std::int64_t channels, PixelType type) {
  Image image(size, channels, type);
  std::int64_t i = 0;
  for (T& value : image.values<T>()) value = static_cast<T>(++i * 97 % 251);
  return image;
}

GeometryPlan plan_of(Size input, std::vector<Move> moves, Size output) {
  return {input, std::move(moves), output};
}

template <typename T>
std::vector<T> values_of(const Image& image) {
  const auto values = image.values<T>();
  return {values.begin(), values.end()};
}

TEST(ImageMover, CropsWhatItWouldHaveResizedWhole) {
  const Size size{31, 47};
  const Size large{50, 76};
  for (const std::int64_t channels : {1, 3, 5}) {
    const Image source = image_of<std::uint8_t>(size, channels, PixelType::uint8);
    Image whole;
    Resizer().resize(source, {0, 0, 31, 47}, large, Filter::bilinear, whole);
    Image image = image_of<std::uint8_t>(size, channels, PixelType::uint8);
    ImageMover mover;
    const Image& moved = mover.move(
        image, plan_of(size, {Resized{size, large}, Cropped{{7, 60, 20, 20}}}, {20, 16}));
    ASSERT_EQ(moved.size(), (Size{20, 16})) << "a window may reach beyond the image";
    for (std::int64_t y = 0; y < 20; ++y) {
      EXPECT_EQ(
          std::memcmp(moved.row<std::uint8_t>(y), whole.row<std::uint8_t>(y + 7) + 60 * channels,
                      static_cast<std::size_t>(16 * channels)),
          0);
    }
  }
}

TEST(ImageMover, PadsWithGreyOnTheRightAndBelowAndMirrors) {
  Image image = image_of<std::uint8_t>({2, 3}, 1, PixelType::uint8);
  const std::vector<std::uint8_t> in = values_of<std::uint8_t>(image);
  ImageMover mover;
  const Image& moved = mover.move(image, plan_of({2, 3}, {Padded{{3, 5}}, Mirrored{5}}, {3, 5}));
  EXPECT_EQ(values_of<std::uint8_t>(moved),
            (std::vector<std::uint8_t>{128, 128, in[2], in[1], in[0],  //
                                       128, 128, in[5], in[4], in[3],  //
                                       128, 128, 128, 128, 128}));
}

TEST(ImageMover, NumbersOfSixteenBitsKeepTheirRange) {
  Image image = image_of<std::uint16_t>({4, 4}, 2, PixelType::uint16);
  for (std::uint16_t& value : image.values<std::uint16_t>())
    value = static_cast<std::uint16_t>(value * 256);
  Image same = image_of<std::uint16_t>({4, 4}, 2, PixelType::uint16);
  std::vector<float> expected;
  for (const std::uint16_t value : same.values<std::uint16_t>()) {
    expected.push_back(static_cast<float>(static_cast<std::uint16_t>(value * 256)));
  }
  ImageMover mover;
  const Size size{4, 4};
  const Image& moved =
      mover.move(image, plan_of(size, {Resized{size, size}, Padded{{5, 4}}}, {5, 4}));
  ASSERT_EQ(moved.type(), PixelType::float32);
  constexpr float kGrey = 128 * 257;  // of 65535
  expected.insert(expected.end(), 8, kGrey);
  ASSERT_EQ(moved.num_values(), std::ssize(expected));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(values_of<float>(moved)[i], expected[i], 0.01) << i;
  }
}

TEST(ImageMover, GoesFromImageToImage) {
  ImageMover mover;
  const std::vector<Size> sizes{{30, 20}, {9, 40}, {30, 20}};
  std::vector<std::vector<std::uint8_t>> results;
  for (const Size size : sizes) {
    Image image = image_of<std::uint8_t>(size, 3, PixelType::uint8);
    const Image& moved =
        mover.move(image, plan_of(size,
                                  {Mirrored{size.width}, Resized{size, {12, 12}},
                                   Cropped{{0, 0, 8, 8}}, Padded{{10, 10}}, Mirrored{10}},
                                  {10, 10}));
    results.push_back(values_of<std::uint8_t>(moved));
  }
  EXPECT_EQ(results[0], results[2]);
  EXPECT_NE(results[0], results[1]);
}

}  // namespace
}  // namespace convmae
