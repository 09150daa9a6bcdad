#include "convmae/data/decode/decode_label.h"

#include "convmae/base/error.h"
#include "convmae/data/decode/npy.h"
#include "convmae/data/decode/upright_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "label_png.h"
#include "malformed_image.h"
#include <string>
#include <vector>

namespace convmae {
namespace {

using test::LabelPng;
using test::PngColour;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

Image decoded(const std::string& file, const LabelDecodeOptions& options = {}) {
  const std::vector<std::uint8_t> bytes(file.begin(), file.end());
  Image ids;
  decode_label(bytes, options, ids);
  return ids;
}

std::vector<std::uint32_t> numbers_of(const Image& ids) {
  std::vector<std::uint32_t> numbers;
  const auto append = [&numbers](const auto& values) {
    numbers.assign(values.begin(), values.end());
  };
  if (ids.type() == PixelType::uint8) {
    append(ids.values<std::uint8_t>());
  } else {
    append(ids.values<std::uint16_t>());
  }
  return numbers;
}

/// Numbers of so many bits, all of them where there is room.
std::vector<std::uint32_t> some_numbers(std::size_t count, int bits) {
  std::vector<std::uint32_t> numbers(count);
  for (std::size_t i = 0; i < count; ++i) {
    numbers[i] = static_cast<std::uint32_t>(i * 40503U) & ((1U << bits) - 1);
  }
  return numbers;
}

TEST(DecodeLabel, TakesNumbersAsTheyStandWhateverTheirDepth) {
  const Size size{13, 21};
  for (const bool interlaced : {false, true}) {
    for (const int bits : {1, 2, 4, 8, 16}) {
      for (const PngColour colour : {PngColour::grey, PngColour::palette}) {
        if (bits == 16 && colour == PngColour::palette) continue;  // there is none
        const LabelPng png{size, bits, colour, some_numbers(273, bits), interlaced};
        const Image ids = decoded(png.file());
        EXPECT_EQ(ids.size(), size);
        EXPECT_EQ(ids.channels(), 1);
        EXPECT_EQ(ids.type(), bits == 16 ? PixelType::uint16 : PixelType::uint8);
        EXPECT_EQ(numbers_of(ids), png.values) << bits << " bits, interlaced " << interlaced;
      }
    }
  }
}

TEST(DecodeLabel, LeavesAlphaOut) {
  const LabelPng png{{1, 3}, 8, PngColour::grey_alpha, {7, 255, 8, 0, 9, 128}};
  EXPECT_EQ(numbers_of(decoded(png.file())), (std::vector<std::uint32_t>{7, 8, 9}));
  const LabelPng wide{{1, 2}, 16, PngColour::grey_alpha, {300, 65535, 65535, 0}};
  EXPECT_EQ(numbers_of(decoded(wide.file())), (std::vector<std::uint32_t>{300, 65535}));
}

TEST(DecodeLabel, ColoursAreIdsByThePalette) {
  const LabelPalette palette({{{1, 2, 3}, 500}, {{0, 0, 0}, 7}});
  const LabelPng png{{2, 2}, 8, PngColour::rgb, {1, 2, 3, 0, 0, 0, 0, 0, 0, 1, 2, 3}};
  EXPECT_EQ(numbers_of(decoded(png.file(), {&palette})),
            (std::vector<std::uint32_t>{500, 7, 7, 500}));
  const LabelPng alpha{{1, 1}, 8, PngColour::rgba, {1, 2, 3, 77}};
  EXPECT_EQ(numbers_of(decoded(alpha.file(), {&palette})), (std::vector<std::uint32_t>{500}));
  const LabelPng unlisted{{2, 2}, 8, PngColour::rgb, {1, 2, 3, 0, 0, 0, 0, 0, 0, 1, 2, 4}};
  EXPECT_THAT([&] { decoded(unlisted.file(), {&palette}); },
              ThrowsMessage<UserError>(HasSubstr("the colour 1,2,4 at row 1, column 1, which the "
                                                 "palette does not list")));
  for (const LabelPalette& none : {LabelPalette()}) {
    EXPECT_THAT(
        [&] { decoded(png.file(), {&none}); },
        ThrowsMessage<UserError>(AllOf(HasSubstr("found colours"), HasSubstr("--palette"))));
  }
  EXPECT_THAT([&] { decoded(png.file()); }, ThrowsMessage<UserError>(HasSubstr("found colours")));
  const LabelPng wide{{1, 1}, 16, PngColour::rgb, {1, 2, 3}};
  EXPECT_THAT([&] { decoded(wide.file(), {&palette}); },
              ThrowsMessage<UserError>(HasSubstr("found colours of 16")));
}

TEST(DecodeLabel, TakesArraysOfWholeNumbers) {
  const std::string bytes("\1\2\3\4\5\6", 6);
  EXPECT_EQ(numbers_of(decoded(npy_header(PixelType::uint8, {2, 3}) + bytes)),
            (std::vector<std::uint32_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(numbers_of(decoded(npy_header(PixelType::uint16, {1, 3}) + bytes)),
            (std::vector<std::uint32_t>{0x201, 0x403, 0x605}));
  EXPECT_THAT(
      [&] {
        decoded(npy_header(PixelType::uint8, {1, 2, 3}) + bytes);
      },
      ThrowsMessage<UserError>(HasSubstr("one uint8 or uint16 a pixel")));
  EXPECT_THAT(
      [] {
        decoded(npy_header(PixelType::float32, {1, 1}) + std::string(4, '\0'));
      },
      ThrowsMessage<UserError>(HasSubstr("found 1 of float32")));
}

TEST(DecodeLabel, RefusesWhatLosesNumbers) {
  EXPECT_THAT([] { decoded(test::sound_image("baseline.jpg")); },
              ThrowsMessage<UserError>(HasSubstr("convert the file without loss")));
  EXPECT_THAT([] { decoded(""); }, ThrowsMessage<UserError>(HasSubstr("the file is empty")));
}

TEST(DecodeLabel, DamagedFilesAreErrors) {
  const std::string file =
      LabelPng{{9, 9}, 4, PngColour::palette, some_numbers(81, 4), true}.file();
  ASSERT_NO_THROW(decoded(file));
  for (std::size_t length = 0; length < file.size(); ++length) {
    EXPECT_THROW(decoded(file.substr(0, length)), UserError) << length;
  }
}

TEST(DecodeLabel, LargeImagesAreRefusedBeforeTheyTakeMemory) {
  LabelPng png{{60, 50}, 8, PngColour::palette, some_numbers(3000, 8)};
  LabelDecodeOptions options;
  options.max_pixels = 2999;
  EXPECT_THAT([&] { decoded(png.file(), options); },
              ThrowsMessage<UserError>(HasSubstr("above the limit of 2999 pixels")));
  options.max_pixels = 3000;
  EXPECT_NO_THROW(decoded(png.file(), options));
}

TEST(UprightSize, IsTheSizeThatOneSees) {
  std::vector<std::uint8_t> bytes;
  const auto golden = std::filesystem::path(CONVMAE_SOURCE_DIR) / "tests/golden/images";
  read_file(golden / "exif6_320x240_q90.jpg", bytes);
  EXPECT_EQ(upright_size(bytes), (Size{320, 240}));
  const std::string file = test::label_png({2, 5}, some_numbers(10, 8));
  EXPECT_EQ(upright_size(std::vector<std::uint8_t>(file.begin(), file.end())), (Size{2, 5}));
}

}  // namespace
}  // namespace convmae
