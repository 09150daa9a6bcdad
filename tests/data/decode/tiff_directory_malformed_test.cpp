#include <gtest/gtest.h>

#include "deflate.h"
#include "malformed_image.h"
#include "raw_tiff.h"
#include "support/bytes.h"
#include "support/malformed.h"
#include <cstdint>
#include <string>
#include <vector>

namespace convmae {
namespace {

using test::Draws;
using test::kAscii;
using test::kLong;
using test::kShort;
using test::kTolerated;
using test::little;
using test::RawTiff;
using test::sound_tiff;
using test::TiffEntry;
using test::zlib_stream;
using enum test::TiffTag;

enum class Defect {
  byte_order_unknown,
  version_unknown,
  bigtiff_offset_size_unknown,
  bigtiff_constant_not_zero,
  header_cut,
  directory_at_zero,
  directory_beyond_the_end,
  directory_empty,
  directory_cut,
  directory_of_more_entries_than_bytes,
  width_missing,
  width_zero,
  height_zero,
  width_of_text,
  width_of_unknown_type,
  more_pixels_than_the_limit,
  bits_zero,
  bits_unsupported,
  bits_differ,
  bits_beyond_the_end,
  samples_zero,
  samples_65535,
  sample_format_unknown,
  sample_format_signed,
  compression_unknown,
  photometric_unknown,
  palette_missing,
  palette_cut,
  planar_configuration_unknown,
  ycbcr_with_16_bits,
  predictor_unknown,
  predictor_of_floats,
  subsampling_unknown,
  directories_in_a_circle,
  data_behind_the_end,
};

using enum Defect;
constexpr test::Expectation<Defect> kDefects[] = {
    {byte_order_unknown, "byte_order_unknown", "expected a JPEG, PNG, WebP, TIFF"},
    {version_unknown, "version_unknown", "expected a JPEG, PNG, WebP, TIFF"},
    {bigtiff_offset_size_unknown, "bigtiff_offset_size_unknown", "BigTIFF offsetsize"},
    {bigtiff_constant_not_zero, "bigtiff_constant_not_zero", "BigTIFF unused"},
    {header_cut, "header_cut", "TIFF header"},
    {directory_at_zero, "directory_at_zero", "no image in it"},
    {directory_beyond_the_end, "directory_beyond_the_end", "directory"},
    {directory_empty, "directory_empty", "directory"},
    {directory_cut, "directory_cut", "directory"},
    {directory_of_more_entries_than_bytes, "directory_of_more_entries_than_bytes", "directory"},
    {width_missing, "width_missing", "zero scanline size"},
    {width_zero, "width_zero", "zero scanline size"},
    {height_zero, "height_zero", "zero number of strips"},
    {width_of_text, "width_of_text", "ImageWidth"},
    {width_of_unknown_type, "width_of_unknown_type", "ImageWidth"},
    {more_pixels_than_the_limit, "more_pixels_than_the_limit", "above the limit"},
    {bits_zero, "bits_zero", "zero scanline size"},
    {bits_unsupported, "bits_unsupported", "expected a TIFF of uint8"},
    {bits_differ, "bits_differ", "BitsPerSample"},
    {bits_beyond_the_end, "bits_beyond_the_end", "BitsPerSample"},
    {samples_zero, "samples_zero", "SamplesPerPixel"},
    {samples_65535, "samples_65535", "BitsPerSample"},
    {sample_format_unknown, "sample_format_unknown", "SampleFormat"},
    {sample_format_signed, "sample_format_signed", "signed numbers of 8 bits"},
    {compression_unknown, "compression_unknown", "Compression scheme"},
    {photometric_unknown, "photometric_unknown", "photometric interpretation"},
    {palette_missing, "palette_missing", "Colormap"},
    {palette_cut, "palette_cut", "Colormap"},
    {planar_configuration_unknown, "planar_configuration_unknown", "PlanarConfiguration"},
    {ycbcr_with_16_bits, "ycbcr_with_16_bits", "more than 8 bits"},
    {predictor_unknown, "predictor_unknown", "Predictor"},
    {predictor_of_floats, "predictor_of_floats", "Predictor"},
    {subsampling_unknown, "subsampling_unknown", "zero scanline size"},
    {directories_in_a_circle, "directories_in_a_circle", kTolerated},
    {data_behind_the_end, "data_behind_the_end", kTolerated},
};

std::string spoil_directory(Defect defect, RawTiff& tiff, Draws& draws) {
  const std::string whole = tiff.file();
  const std::uint64_t some = 1 + draws.below(1000);
  switch (defect) {
    case byte_order_unknown:
      return std::string(draws.below(2) == 0 ? "IM" : "ii") + whole.substr(2);
    case version_unknown:
      tiff.version = draws.below(2) == 0 ? draws.below(42) : 43 + some;
      break;
    case bigtiff_offset_size_unknown:
      return "II" + little(43, 2) + little(8 + some, 2) + little(0, 2) + little(16, 8);
    case bigtiff_constant_not_zero:
      return "II" + little(43, 2) + little(8, 2) + little(some, 2) + little(16, 8);
    case header_cut:
      return whole.substr(0, 4 + draws.below(4));
    case directory_at_zero:
      tiff.directory = 0;
      break;
    case directory_beyond_the_end:
      tiff.directory = draws.below(2) == 0 ? whole.size() + some : 0xFFFF'FFFF - some;
      break;
    case directory_empty:
      tiff.entry_count = 0;
      break;
    case directory_cut:
      return whole.substr(0, whole.size() - 5 - draws.below(12 * tiff.entries.size()));
    case directory_of_more_entries_than_bytes:
      tiff.entry_count = 1000 + 60 * some;
      break;
    case directories_in_a_circle:
      tiff.directory = whole.size() - 6 - 12 * tiff.entries.size();
      tiff.next_directory = *tiff.directory;
      break;
    default:  // data_behind_the_end
      return whole + std::string(some, 'x');
  }
  return tiff.file();
}

void spoil_shape(Defect defect, RawTiff& tiff, Draws& draws) {
  const std::uint64_t some = 1 + draws.below(1000);
  TiffEntry& width = tiff.entries[kWidth];
  switch (defect) {
    case width_missing:
      tiff.entries.erase(kWidth);
      return;
    case width_zero:
      return tiff.set(kWidth, 0);
    case height_zero:
      return tiff.set(kHeight, 0);
    case width_of_text:
      width = {kAscii, {'1', '0' + draws.below(10), 0}};
      return;
    case width_of_unknown_type:
      width.type = draws.below(2) == 0 ? 0 : static_cast<unsigned>(19 + some);
      return;
    default:  // more_pixels_than_the_limit
      tiff.set(kWidth, 1024 + some, kLong);
      tiff.set(kHeight, 1024 + draws.below(1'000'000), kLong);
  }
}

void spoil_samples(Defect defect, RawTiff& tiff, Draws& draws) {
  constexpr std::uint64_t kOtherWidths[] = {9, 12, 24, 32, 64, 65535};
  const std::uint64_t some = 1 + draws.below(1000);
  TiffEntry& bits = tiff.entries[kBits];
  switch (defect) {
    case bits_zero:
      return bits.values.assign(3, 0);
    case bits_unsupported:
      return bits.values.assign(3, kOtherWidths[draws.below(6)]);
    case bits_differ:
      bits.values[draws.below(3)] = 16;
      return;
    case bits_beyond_the_end:
      bits.offset = tiff.file().size() + some;
      return;
    case samples_zero:
      return tiff.set(kSamples, 0);
    case samples_65535:
      return tiff.set(kSamples, 65535 - draws.below(100));
    case sample_format_unknown:
      return tiff.set(kSampleFormat, 6 + some);
    case sample_format_signed:
      tiff.entries[kSampleFormat] = {kShort, {2, 2, 2}};
      return;
    case compression_unknown:
      return tiff.set(kCompression, 100 + some);
    case photometric_unknown:
      return tiff.set(kPhotometric, 10'000 + some);
    case palette_missing:
    case palette_cut:
      tiff.set(kSamples, 1);
      tiff.set(kBits, 4);
      tiff.set(kPhotometric, 3);
      if (defect == palette_missing) return;
      tiff.entries[kColourMap] = {kShort, std::vector<std::uint64_t>(1 + draws.below(47), 1)};
      return;
    case planar_configuration_unknown:
      return tiff.set(kPlanar, some % 2 == 0 ? 0 : 2 + some);
    case ycbcr_with_16_bits:
      bits.values.assign(3, 16);
      return tiff.set(kPhotometric, 6);
    case predictor_unknown:
    case predictor_of_floats:
      tiff.compress(8, zlib_stream(tiff.pixels));
      return tiff.set(kPredictor, defect == predictor_unknown ? 3 + some : 3);
    default:  // subsampling_unknown
      tiff.set(kPhotometric, 6);
      tiff.entries[kSubsampling] = {kShort, {3 + 2 * draws.below(9), 1}};
  }
}

std::string spoil(Defect defect, Draws& draws) {
  RawTiff tiff = sound_tiff(draws);
  if (defect <= directory_of_more_entries_than_bytes || defect >= directories_in_a_circle) {
    return spoil_directory(defect, tiff, draws);
  }
  if (defect <= more_pixels_than_the_limit) {
    spoil_shape(defect, tiff, draws);
  } else {
    spoil_samples(defect, tiff, draws);
  }
  return tiff.file();
}

class TiffMalformedDirectory : public testing::TestWithParam<test::Expectation<Defect>> {};

TEST_P(TiffMalformedDirectory, IsTakenAsStated) {
  test::expect_as_stated<Defect>(
      GetParam(), [](Draws& draws) { return spoil(GetParam().defect, draws); }, test::decode);
}

INSTANTIATE_TEST_SUITE_P(Defects, TiffMalformedDirectory, testing::ValuesIn(kDefects),
                         test::NameOfDefect{});

}  // namespace
}  // namespace convmae
