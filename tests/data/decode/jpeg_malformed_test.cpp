#include <gtest/gtest.h>

#include "jpeg_defects.h"
#include "malformed_image.h"
#include "raw_jpeg.h"
#include "support/bytes.h"
#include "support/malformed.h"
#include <cstdint>
#include <string>
#include <utility>

namespace convmae {
namespace {

using jpeg_defects::Defect;
using jpeg_defects::kDefects;
using test::big;
using test::Draws;
using test::little;
using test::RawJpeg;
using test::Segment;

// where the fields of a frame header (SOFn) of three components are
constexpr std::size_t kPrecisionAt = 0;
constexpr std::size_t kHeightAt = 1;
constexpr std::size_t kWidthAt = 3;
constexpr std::size_t kComponentCountAt = 5;
constexpr std::size_t kComponentsAt = 6;
constexpr std::size_t kFrameSize = 15;
// and those of a scan header (SOS) of three components
constexpr std::size_t kScanComponentsAt = 1;
constexpr std::size_t kSpectralStartAt = 7;
constexpr std::size_t kSpectralEndAt = 8;

using enum Defect;

char byte_below(Draws& draws, std::uint64_t first, std::uint64_t count) {
  return static_cast<char>(first + draws.below(count));
}

std::string random_bytes(Draws& draws, std::uint64_t count) {
  std::string text;
  for (; count > 0; --count) text += byte_below(draws, 0, 255);  // never 0xFF: no marker
  return text;
}

void spoil_frame(Defect defect, RawJpeg& jpeg, Draws& draws) {
  Segment& frame = jpeg.frame();
  std::string& data = frame.data;
  const std::size_t component = kComponentsAt + 3 * draws.below(3);
  switch (defect) {
    case frame_missing:
      return jpeg.erase_all(frame.marker);
    case frame_twice:
      return jpeg.insert_before(test::kStartOfScan, Segment(frame));
    case frame_of_unsupported_process: {
      constexpr int kProcesses[] = {0xC3, 0xC5, 0xC6, 0xC7, 0xC8, 0xCB, 0xCD, 0xCE, 0xCF};
      frame.marker = kProcesses[draws.below(std::size(kProcesses))];
      return;
    }
    case frame_too_short:
      return data.resize(kComponentsAt + draws.below(kFrameSize - kComponentsAt));
    case frame_longer_than_its_components:
      data += random_bytes(draws, 1 + draws.below(100));
      return;
    case width_zero:
      data.replace(kWidthAt, 2, big(0, 2));
      return;
    case height_zero:
      data.replace(kHeightAt, 2, big(0, 2));
      return;
    case width_above_65500:
      data.replace(kWidthAt, 2, big(65501 + draws.below(35), 2));
      return;
    case more_pixels_than_the_limit:
      data.replace(kWidthAt, 2, big(1025 + draws.below(60'000), 2));
      data.replace(kHeightAt, 2, big(1024 + draws.below(60'000), 2));
      return;
    case precision_unsupported:
      data[kPrecisionAt] = byte_below(draws, 9, 200);
      return;
    case components_zero:
      data.resize(kComponentsAt);
      data[kComponentCountAt] = 0;
      return;
    case components_more_than_10:
    case components_of_no_colour_space: {
      const std::uint64_t count =
          defect == components_more_than_10 ? 11 + draws.below(245) : 5 + draws.below(6);
      data.resize(kComponentsAt);
      data[kComponentCountAt] = static_cast<char>(count);
      for (std::uint64_t i = 0; i < count; ++i) data += big(i << 16 | 0x1100, 3);
      return;
    }
    case sampling_factor_zero:
      data[component + 1] = draws.below(2) == 0 ? 0x01 : 0x10;
      return;
    case sampling_factor_above_4:
      data[component + 1] = byte_below(draws, 0x51, 2);
      return;
    case sampling_factors_fractional:
      data[kComponentsAt + 1] = 0x31;
      data[kComponentsAt + 4] = 0x21;
      return;
    default:  // sampling_factors_of_too_many_blocks
      data[kComponentsAt + 1] = draws.below(2) == 0 ? 0x44 : 0x43;
  }
}

void spoil_tables(Defect defect, RawJpeg& jpeg, Draws& draws) {
  std::string& quantization = jpeg.first(test::kQuantizationTables).data;
  std::string& huffman = jpeg.first(test::kHuffmanTables).data;
  switch (defect) {
    case quantization_table_missing:
      return jpeg.erase_all(test::kQuantizationTables);
    case quantization_table_of_other_number:
      quantization[0] = byte_below(draws, 2, 2);
      return;
    case quantization_table_number_above_3:
      quantization[0] = byte_below(draws, 4, 12);
      return;
    case quantization_table_cut:
      return quantization.resize(1 + draws.below(64));
    case huffman_table_of_other_number:
      jpeg.first(test::kStartOfScan).data[kScanComponentsAt + 1] =
          draws.below(2) == 0 ? 0x20 : 0x30;
      return;
    case huffman_table_number_above_3:
      huffman[0] = byte_below(draws, 4, 12);
      return;
    case huffman_table_cut:
      return huffman.resize(17 + draws.below(huffman.size() - 17));
    case huffman_table_of_too_many_codes:
      huffman[15] = huffman[16] = byte_below(draws, 128, 128);
      return;
    case huffman_table_of_impossible_lengths:
      // 3 codes of one bit; as many codes as before
      huffman.replace(1, 16, "\x03" + std::string(14, '\0') + "\x09");
      return;
    default:  // huffman_table_of_impossible_category: of a difference of more than 15 bits
      huffman[17 + draws.below(12)] = byte_below(draws, 16, 200);
  }
}

void spoil_scan(Defect defect, RawJpeg& jpeg, Draws& draws) {
  Segment& scan = jpeg.first(test::kStartOfScan);
  Segment& last = jpeg.last(test::kStartOfScan);
  std::string& data = scan.data;
  const std::size_t size = last.data.size();
  switch (defect) {
    case scan_missing:
      return jpeg.erase_all(test::kStartOfScan);
    case scan_of_no_component:
      data = big(0x003F00, 4);
      return;
    case scan_of_more_than_4_components:
      data[0] = byte_below(draws, 5, 200);
      return;
    case scan_of_unknown_component:
      data[kScanComponentsAt + 2 * draws.below(3)] = byte_below(draws, 4, 200);
      return;
    case scan_of_component_twice:
      data[kScanComponentsAt + 2] = data[kScanComponentsAt];
      return;
    case scan_too_long:
      data += random_bytes(draws, 1 + draws.below(100));
      return;
    case scan_before_frame:
      return std::swap(scan, jpeg.frame());
    case restart_interval_of_wrong_length:
      return jpeg.insert_before(
          test::kStartOfScan,
          {test::kRestartInterval, random_bytes(draws, draws.below(2) == 0 ? 1 : 3)});
    case spectral_selection_reversed:
      last.data.replace(size - 3, 2, big(0x3F00U - (draws.below(30) << 8) + 1, 2));
      return;
    case spectral_selection_above_63:
      last.data[size - 2] = byte_below(draws, 64, 190);
      return;
    case spectral_selection_mixes_dc_and_ac:
      last.data[size - 3] = 0;
      return;
    case ac_scan_of_several_components:
      data[kSpectralStartAt] = 1;
      data[kSpectralEndAt] = byte_below(draws, 1, 63);
      return;
    case successive_approximation_above_13:
      last.data[size - 1] = byte_below(draws, 14, 2);
      return;
    case coded_data_missing:
      return scan.coded.clear();
    case coded_data_damaged:
      // a zero first, which makes no marker with a byte before it
      scan.coded.replace(draws.below(700), 30, '\0' + random_bytes(draws, 29));
      return;
    case coded_data_without_end:
      scan.coded.resize(draws.below(scan.coded.size()));
      return jpeg.erase_all(test::kEndOfImage);
    default:  // scans_without_end
      jpeg.segments.insert(jpeg.segments.end() - 1, 256 + draws.below(100), Segment(last));
  }
}

/// An APP1 segment of one entry, and what it says falsely.
Segment exif(Defect defect, Draws& draws) {
  const bool outside = defect == exif_directory_outside;
  const bool too_many = defect == exif_entries_beyond_the_end;
  const std::uint64_t tag = too_many ? 0x0100 : 0x0112;
  const std::string entry = little(tag, 2) + little(3, 2) + little(1, 4) +
                            little(too_many ? 1 : 9 + draws.below(60'000), 4);
  return {test::kApplication1, std::string("Exif\0\0II*\0", 10) +
                                   little(outside ? 30 + draws.bits() % 1'000'000 : 8, 4) +
                                   little(too_many ? 2 + draws.below(60'000) : 1, 2) + entry};
}

std::string spoil(Defect defect, Draws& draws) {
  const bool progressive = defect >= spectral_selection_reversed && defect <= scans_without_end;
  const bool restarts = defect == restart_markers_missing;
  RawJpeg jpeg(test::sound_image(progressive ? "progressive.jpg"
                                 : restarts  ? "restart_420.jpg"
                                             : "baseline.jpg"));
  switch (defect) {
    case start_of_image_alone:
      return "\xFF\xD8" + std::string(1 + draws.below(100), '\xFF');
    case start_of_image_twice:
      return "\xFF\xD8" + jpeg.file();
    case arithmetic_conditioning_invalid:
      jpeg.insert_before(test::kStartOfScan, {0xCC, big(0x0001U + 16 * draws.below(15), 2)});
      jpeg.insert_before(test::kStartOfScan, {0xCC, std::string{byte_below(draws, 32, 200), 'x'}});
      break;
    case marker_reserved:
      jpeg.insert_before(test::kStartOfScan,
                         {static_cast<int>(2 + draws.below(0xBE)), random_bytes(draws, 8)});
      break;
    case segment_longer_than_the_file:
      jpeg.segments[0].length = 40'000 + draws.below(20'000);
      break;
    case end_of_image_missing:
      jpeg.erase_all(test::kEndOfImage);
      break;
    case restart_markers_missing:
      jpeg.first(test::kRestartInterval).data = big(1 + draws.below(20), 2);
      break;
    case huffman_tables_missing:
      jpeg.erase_all(test::kHuffmanTables);
      break;
    case data_behind_the_end:
      return jpeg.file() + random_bytes(draws, 1 + draws.below(1000));
    case exif_directory_outside:
    case exif_entries_beyond_the_end:
    case exif_orientation_unknown:
      jpeg.insert_before(test::kQuantizationTables, exif(defect, draws));
      break;
    default:
      if (defect <= sampling_factors_of_too_many_blocks) {
        spoil_frame(defect, jpeg, draws);
      } else if (defect <= huffman_table_of_impossible_category) {
        spoil_tables(defect, jpeg, draws);
      } else {
        spoil_scan(defect, jpeg, draws);
      }
  }
  return jpeg.file();
}

class JpegMalformed : public testing::TestWithParam<test::Expectation<Defect>> {};

TEST_P(JpegMalformed, IsTakenAsStated) {
  test::expect_as_stated<Defect>(
      GetParam(), [](Draws& draws) { return spoil(GetParam().defect, draws); }, test::decode);
}

TEST_P(JpegMalformed, IsTakenAsStatedByFastDecodingToo) {
  const auto decode_fast = [](const std::string& file) {
    test::decode_with({.fast_cover = Size{1000, 1000}}, file);
    test::decode_with({.fast_cover = Size{16, 16}}, file);
  };
  test::expect_as_stated<Defect>(
      GetParam(), [](Draws& draws) { return spoil(GetParam().defect, draws); }, decode_fast);
}

INSTANTIATE_TEST_SUITE_P(Defects, JpegMalformed, testing::ValuesIn(kDefects), test::NameOfDefect{});

TEST(JpegMalformedBase, IsDecodedWithoutADefect) {
  for (const char* name : {"baseline.jpg", "progressive.jpg", "restart_420.jpg"}) {
    const std::string whole = test::sound_image(name);
    EXPECT_EQ(RawJpeg(whole).file(), whole);
    EXPECT_NO_THROW(test::decode(whole));
  }
}

}  // namespace
}  // namespace convmae
