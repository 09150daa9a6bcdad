#include <gtest/gtest.h>

#include "deflate.h"
#include "malformed_image.h"
#include "raw_tiff.h"
#include "support/bytes.h"
#include "support/malformed.h"
#include <cstdint>
#include <string>

namespace convmae {
namespace {

using test::Draws;
using test::kLong;
using test::kShort;
using test::kTolerated;
using test::RawTiff;
using test::sound_tiff;
using test::sound_tiled_tiff;
using test::TiffEntry;
using test::zlib_stream;
using enum test::TiffTag;

enum class Defect {
  strip_offsets_missing,
  strip_offsets_too_few,
  strip_offsets_beyond_the_end,
  strip_ends_beyond_the_end,
  strip_offset_list_beyond_the_end,
  strip_sizes_missing,
  strip_sizes_too_small,
  strip_sizes_huge,
  rows_per_strip_zero,
  tile_width_zero,
  tile_far_larger_than_the_image,
  converted_tile_far_larger_than_the_image,
  converted_strip_of_65535_samples,
  tile_of_2_62_pixels,
  tile_offsets_missing,
  tile_offset_beyond_the_end,
  tile_size_too_small,
  zlib_header_wrong,
  zlib_stream_too_short,
  zlib_stream_cut,
  deflate_block_type_unknown,
  lzw_code_beyond_the_table,
  lzw_stream_cut,
  packbits_stream_cut,
  jpeg_tables_missing,
  jpeg_stream_damaged,
  value_not_finite,
  more_strip_offsets_than_strips,
  strip_sizes_zero,
};

using enum Defect;
constexpr test::Expectation<Defect> kDefects[] = {
    {strip_offsets_missing, "strip_offsets_missing", "StripOffsets"},
    {strip_offsets_too_few, "strip_offsets_too_few", "lacks its offset"},
    {strip_offsets_beyond_the_end, "strip_offsets_beyond_the_end", "Read error"},
    {strip_ends_beyond_the_end, "strip_ends_beyond_the_end", "Read error"},
    {strip_offset_list_beyond_the_end, "strip_offset_list_beyond_the_end", "StripOffsets"},
    {strip_sizes_missing, "strip_sizes_missing", "StripByteCounts"},
    {strip_sizes_too_small, "strip_sizes_too_small", "Decoding error"},
    {strip_sizes_huge, "strip_sizes_huge", "Read error"},
    {rows_per_strip_zero, "rows_per_strip_zero", "RowsPerStrip"},
    {tile_width_zero, "tile_width_zero", "zero number of tiles"},
    {tile_far_larger_than_the_image, "tile_far_larger_than_the_image", "TIFF tile"},
    {converted_tile_far_larger_than_the_image, "converted_tile_far_larger_than_the_image",
     "TIFF tile"},
    {converted_strip_of_65535_samples, "converted_strip_of_65535_samples", "TIFF strip"},
    {tile_of_2_62_pixels, "tile_of_2_62_pixels", "zero tile size"},
    {tile_offsets_missing, "tile_offsets_missing", "TileOffsets"},
    {tile_offset_beyond_the_end, "tile_offset_beyond_the_end", "Read error"},
    {tile_size_too_small, "tile_size_too_small", "Decoding error"},
    {zlib_header_wrong, "zlib_header_wrong", "Decoding error"},
    {zlib_stream_too_short, "zlib_stream_too_short", "Decoding error"},
    {zlib_stream_cut, "zlib_stream_cut", "Decoding error"},
    {deflate_block_type_unknown, "deflate_block_type_unknown", "Decoding error"},
    {lzw_code_beyond_the_table, "lzw_code_beyond_the_table", "not yet in table"},
    {lzw_stream_cut, "lzw_stream_cut", "Not enough data"},
    {packbits_stream_cut, "packbits_stream_cut", "Not enough data"},
    {jpeg_tables_missing, "jpeg_tables_missing", "Not a JPEG file"},
    {jpeg_stream_damaged, "jpeg_stream_damaged", "no image"},
    {value_not_finite, "value_not_finite", "NaN or infinity"},
    {more_strip_offsets_than_strips, "more_strip_offsets_than_strips", kTolerated},
    {strip_sizes_zero, "strip_sizes_zero", kTolerated},
};

void spoil_strips(Defect defect, RawTiff& tiff, Draws& draws) {
  // libtiff computes the sizes of strips that are not compressed, and of one strip the size zero
  if (defect == strip_sizes_zero || defect == strip_sizes_too_small || defect == strip_sizes_huge) {
    tiff.compress(8, zlib_stream(tiff.pixels));
  }
  const std::uint64_t end = tiff.file().size();
  const std::uint64_t some = 1 + draws.below(1000);
  TiffEntry& offsets = tiff.entries[kStripOffsets];
  TiffEntry& sizes = tiff.entries[kStripSizes];
  switch (defect) {
    case strip_offsets_missing:
      tiff.entries.erase(kStripOffsets);
      return;
    case strip_offsets_too_few:
      return offsets.values.resize(1 + draws.below(offsets.values.size() - 1));
    case strip_offsets_beyond_the_end:
      offsets.values[draws.below(offsets.values.size())] =
          draws.below(2) == 0 ? end + some : 0xFFFF'FFFF - some;
      return;
    case strip_ends_beyond_the_end:
      offsets.values.back() = end - 1 - draws.below(10);
      return;
    case more_strip_offsets_than_strips:
      offsets.count = 0xFFFF'FFFF - some;
      return;
    case strip_offset_list_beyond_the_end:
      offsets.offset = end + some;
      return;
    case strip_sizes_missing:
      tiff.entries.erase(kStripSizes);
      return;
    case strip_sizes_zero:
      sizes.values.back() = 0;
      return;
    case strip_sizes_too_small:
      sizes.values.back() = 1 + draws.below(sizes.values.back() - 5);  // not only the checksum
      return;
    case strip_sizes_huge:
      sizes.values.back() = 0xFFFF'FFFF - some;
      return;
    default:  // rows_per_strip_zero
      tiff.set(kRowsPerStrip, 0);
  }
}

void spoil_tiles(Defect defect, RawTiff& tiff, Draws& draws) {
  const std::uint64_t some = 1 + draws.below(1000);
  switch (defect) {
    case tile_width_zero:
      return tiff.set(kTileWidth, 0);
    case converted_strip_of_65535_samples:
      tiff = sound_tiff(draws);
      tiff.set(kWidth, 64 + some);
      tiff.set(kHeight, 64);
      tiff.compress(8, zlib_stream(tiff.pixels));  // libtiff cuts up large strips that are not
      tiff.set(kSamples, 65535);
      return tiff.entries[kBits].values.assign(65535, 4);
    case tile_far_larger_than_the_image:
    case converted_tile_far_larger_than_the_image:
      if (defect == converted_tile_far_larger_than_the_image) tiff.set(kPhotometric, 6);
      tiff.set(kTileWidth, 16 * (256 + some), kLong);
      return tiff.set(kTileHeight, 16 * (256 + some), kLong);
    case tile_of_2_62_pixels:
      tiff.set(kTileWidth, 0x8000'0000 - 16 * draws.below(99), kLong);
      return tiff.set(kTileHeight, 0x8000'0000 - 16 * draws.below(99), kLong);
    case tile_offsets_missing:
      tiff.entries.erase(kTileOffsets);
      return;
    case tile_offset_beyond_the_end:
      return tiff.set(kTileOffsets, tiff.file().size() + some, kLong);
    default:  // tile_size_too_small
      tiff.pixels = zlib_stream(tiff.pixels);
      tiff.set(kCompression, 8);
      tiff.set(kTileSizes, 1 + draws.below(tiff.pixels.size() - 5), kLong);
  }
}

void spoil_stream(Defect defect, RawTiff& tiff, Draws& draws) {
  constexpr std::uint64_t kLzw = 5;
  constexpr std::uint64_t kJpeg = 7;
  constexpr std::uint64_t kDeflate = 8;
  constexpr std::uint64_t kPackBits = 32773;
  std::string zlib = zlib_stream(tiff.pixels);
  switch (defect) {
    case zlib_header_wrong:
      zlib[1] = static_cast<char>(2 + draws.below(30));
      return tiff.compress(kDeflate, zlib);
    case zlib_stream_too_short:
      return tiff.compress(kDeflate,
                           zlib_stream(tiff.pixels.substr(0, draws.below(tiff.pixels.size()))));
    case zlib_stream_cut:
      return tiff.compress(kDeflate, zlib.substr(0, 2 + draws.below(tiff.pixels.size())));
    case deflate_block_type_unknown:
      zlib[2] = static_cast<char>(6 + draws.below(2));
      return tiff.compress(kDeflate, zlib);
    case lzw_code_beyond_the_table:
      // codes of 9 bits: clear the table (256), then one that is not in it
      return tiff.compress(kLzw, test::big((0x100U << 7) | 0x7F, 2) + std::string(40, '\xFF'));
    case lzw_stream_cut:
      // clear the table, the value 0, the end (257)
      return tiff.compress(kLzw, test::big(0x100ULL << 23 | 0x101ULL << 5, 4));
    case packbits_stream_cut:
      return tiff.compress(kPackBits, std::string{'\x7F', 'v', 'v'});
    case jpeg_tables_missing:
      return tiff.compress(kJpeg, test::sound_image("baseline.jpg").substr(600, 300));
    case jpeg_stream_damaged:
      return tiff.compress(kJpeg, "\xFF\xD8" + std::string(1 + draws.below(99), 'x'));
    default:  // value_not_finite
      tiff.entries[kBits].values.assign(3, 32);
      tiff.entries[kSampleFormat] = {kShort, {3, 3, 3}};
      std::string floats(4 * tiff.pixels.size(), '\0');
      floats.replace(4 * draws.below(tiff.pixels.size()), 4,
                     tiff.number(0x7F80'0000U | draws.below(2) << 31 | draws.below(9), 4));
      tiff.compress(1, floats);
  }
}

std::string spoil(Defect defect, Draws& draws) {
  const bool tiled = defect >= tile_width_zero && defect <= tile_size_too_small;
  RawTiff tiff = tiled ? sound_tiled_tiff(draws) : sound_tiff(draws);
  if (tiled) {
    spoil_tiles(defect, tiff, draws);
  } else if (defect <= rows_per_strip_zero || defect >= more_strip_offsets_than_strips) {
    spoil_strips(defect, tiff, draws);
  } else {
    spoil_stream(defect, tiff, draws);
  }
  return tiff.file();
}

class TiffMalformedPixels : public testing::TestWithParam<test::Expectation<Defect>> {};

TEST_P(TiffMalformedPixels, IsTakenAsStated) {
  test::expect_as_stated<Defect>(
      GetParam(), [](Draws& draws) { return spoil(GetParam().defect, draws); }, test::decode);
}

INSTANTIATE_TEST_SUITE_P(Defects, TiffMalformedPixels, testing::ValuesIn(kDefects),
                         test::NameOfDefect{});

TEST(TiffMalformedBase, IsDecodedWithoutADefect) {
  test::expect_tolerated([](Draws& draws) { return sound_tiff(draws).file(); }, test::decode);
  test::expect_tolerated([](Draws& draws) { return sound_tiled_tiff(draws).file(); }, test::decode);
  test::expect_tolerated(
      [](Draws& draws) {
        RawTiff tiff = sound_tiff(draws);
        tiff.compress(8, zlib_stream(tiff.pixels));
        return tiff.file();
      },
      test::decode);
}

}  // namespace
}  // namespace convmae
