#include <gtest/gtest.h>

#include "deflate.h"
#include "malformed_image.h"
#include "raw_png.h"
#include "support/bytes.h"
#include "support/malformed.h"
#include <optional>
#include <string>
#include <utility>

namespace convmae {
namespace {

using test::big;
using test::Chunk;
using test::Draws;
using test::kTolerated;
using test::RawPng;
using test::sound_png;
using test::zlib_stream;

// where the fields of IHDR are
constexpr std::size_t kWidthAt = 0;
constexpr std::size_t kHeightAt = 4;
constexpr std::size_t kDepthAt = 8;
constexpr std::size_t kColourAt = 9;
constexpr std::size_t kCompressionAt = 10;
constexpr std::size_t kFilterAt = 11;
constexpr std::size_t kInterlaceAt = 12;

enum class Defect {
  signature_in_text_mode,
  header_missing,
  header_behind_palette,
  header_too_short,
  header_too_long,
  header_twice,
  width_zero,
  height_zero,
  width_above_2_31,
  height_above_2_31,
  more_pixels_than_the_limit,
  depth_unknown,
  depth_not_of_the_colour_type,
  colour_type_unknown,
  compression_method_unknown,
  filter_method_unknown,
  interlace_method_unknown,
  interlaced_without_all_passes,
  palette_missing,
  palette_empty,
  palette_too_long,
  palette_cut_inside_an_entry,
  palette_twice,
  palette_behind_pixels,
  pixels_missing,
  pixels_too_few,
  pixels_cut_inside_the_stream,
  pixels_of_length_zero,
  pixels_not_consecutive,
  pixels_crc_wrong,
  header_crc_wrong,
  palette_crc_wrong,
  end_crc_wrong,
  zlib_method_unknown,
  zlib_window_too_large,
  zlib_header_check_wrong,
  zlib_dictionary_asked_for,
  deflate_block_type_unknown,
  deflate_stored_length_wrong,
  deflate_code_lengths_impossible,
  deflate_distance_too_far,
  filter_byte_unknown,
  end_missing,
  chunk_longer_than_the_file,
  chunk_length_above_2_31,
  chunk_type_not_letters,
  critical_chunk_unknown,
  palette_index_out_of_range,
  ancillary_crc_wrong,
  data_behind_the_end,
};

using enum Defect;

constexpr test::Expectation<Defect> kDefects[] = {
    {signature_in_text_mode, "signature_in_text_mode", "expected a JPEG, PNG"},
    {header_missing, "header_missing", "IHDR"},
    {header_behind_palette, "header_behind_palette", "IHDR"},
    {header_too_short, "header_too_short", "IHDR"},
    {header_too_long, "header_too_long", "IHDR"},
    {header_twice, "header_twice", "IHDR"},
    {width_zero, "width_zero", "IHDR"},
    {height_zero, "height_zero", "IHDR"},
    {width_above_2_31, "width_above_2_31", "out of range"},
    {height_above_2_31, "height_above_2_31", "out of range"},
    {more_pixels_than_the_limit, "more_pixels_than_the_limit", "above the limit"},
    {depth_unknown, "depth_unknown", "IHDR"},
    {depth_not_of_the_colour_type, "depth_not_of_the_colour_type", "IHDR"},
    {colour_type_unknown, "colour_type_unknown", "IHDR"},
    {compression_method_unknown, "compression_method_unknown", "IHDR"},
    {filter_method_unknown, "filter_method_unknown", "IHDR"},
    {interlace_method_unknown, "interlace_method_unknown", "IHDR"},
    {interlaced_without_all_passes, "interlaced_without_all_passes", "Not enough image data"},
    {palette_missing, "palette_missing", "PLTE"},
    {palette_empty, "palette_empty", "Invalid palette"},
    {palette_too_long, "palette_too_long", "PLTE"},
    {palette_cut_inside_an_entry, "palette_cut_inside_an_entry", "PLTE"},
    {palette_twice, "palette_twice", "PLTE"},
    {palette_behind_pixels, "palette_behind_pixels", "PLTE"},
    {pixels_missing, "pixels_missing", "IEND"},
    {pixels_too_few, "pixels_too_few", "Not enough image data"},
    {pixels_cut_inside_the_stream, "pixels_cut_inside_the_stream", "Not enough"},
    {pixels_of_length_zero, "pixels_of_length_zero", "Not enough"},
    {pixels_not_consecutive, "pixels_not_consecutive", "Not enough"},
    {pixels_crc_wrong, "pixels_crc_wrong", "IDAT: CRC error"},
    {header_crc_wrong, "header_crc_wrong", "IHDR: CRC error"},
    {palette_crc_wrong, "palette_crc_wrong", "PLTE: CRC error"},
    {end_crc_wrong, "end_crc_wrong", "IEND: CRC error"},
    {zlib_method_unknown, "zlib_method_unknown", "IDAT: unknown compression method"},
    {zlib_window_too_large, "zlib_window_too_large", "window size"},
    {zlib_header_check_wrong, "zlib_header_check_wrong", "IDAT: incorrect header check"},
    {zlib_dictionary_asked_for, "zlib_dictionary_asked_for", "dictionary"},
    {deflate_block_type_unknown, "deflate_block_type_unknown", "IDAT: invalid block type"},
    {deflate_stored_length_wrong, "deflate_stored_length_wrong",
     "IDAT: invalid stored block lengths"},
    {deflate_code_lengths_impossible, "deflate_code_lengths_impossible", "IDAT: invalid"},
    {deflate_distance_too_far, "deflate_distance_too_far", "IDAT: invalid distance too far back"},
    {filter_byte_unknown, "filter_byte_unknown", "filter"},
    {end_missing, "end_missing", "truncated"},
    {chunk_longer_than_the_file, "chunk_longer_than_the_file", "truncated"},
    {chunk_length_above_2_31, "chunk_length_above_2_31", "out of range"},
    {chunk_type_not_letters, "chunk_type_not_letters", "invalid chunk type"},
    {critical_chunk_unknown, "critical_chunk_unknown", "critical chunk"},
    {palette_index_out_of_range, "palette_index_out_of_range", kTolerated},
    {ancillary_crc_wrong, "ancillary_crc_wrong", kTolerated},
    {data_behind_the_end, "data_behind_the_end", kTolerated},
};

void spoil_header(Defect defect, RawPng& png, Draws& draws) {
  const std::uint64_t some = 1 + draws.below(200);
  switch (defect) {
    case header_missing:
      return png.erase(0);
    case header_behind_palette:
      return std::swap(png.header(), png.palette());
    case header_too_short:
      return png.header().data.resize(draws.below(13));
    case header_too_long:
      png.header().data.append(some, '\0');
      return;
    case header_twice:
      return png.insert(1 + draws.below(3), png.header());
    case width_zero:
      return png.set_header(kWidthAt, 0, 4);
    case height_zero:
      return png.set_header(kHeightAt, 0, 4);
    case width_above_2_31:
      return png.set_header(kWidthAt, (std::uint64_t{1} << 31) + draws.below(1 << 30), 4);
    case height_above_2_31:
      return png.set_header(kHeightAt, (std::uint64_t{1} << 31) + draws.below(1 << 30), 4);
    case more_pixels_than_the_limit:
      png.set_header(kWidthAt, 1024 + some, 4);
      return png.set_header(kHeightAt, 1024 + draws.below(100'000), 4);
    case depth_unknown:
      return png.set_header(kDepthAt, some % 2 == 0 ? 16 + some : 5);
    case depth_not_of_the_colour_type:
      png.set_header(kColourAt, some % 2 == 0 ? 2 : 6);
      return png.set_header(kDepthAt, 1U << draws.below(3));
    case colour_type_unknown:
      return png.set_header(kColourAt, some % 2 == 0 ? 6 + some : 1 + 4 * draws.below(2));
    case compression_method_unknown:
      return png.set_header(kCompressionAt, some);
    case filter_method_unknown:
      return png.set_header(kFilterAt, some);
    case interlace_method_unknown:
      return png.set_header(kInterlaceAt, 1 + some);
    default:  // interlaced_without_all_passes
      png.set_header(kInterlaceAt, 1);
      png.pixels().data = zlib_stream(std::string(png.scanlines.size(), '\0'));
  }
}

void spoil_palette(Defect defect, RawPng& png, Draws& draws) {
  std::string& palette = png.palette().data;
  switch (defect) {
    case palette_missing:
      return png.erase(1);
    case palette_empty:
      return palette.clear();
    case palette_too_long:
      palette.append(3 * (1 + draws.below(1000)), 'p');
      return;
    case palette_cut_inside_an_entry:
      return palette.resize(3 * draws.below(256) + 1 + draws.below(2));
    case palette_twice:
      return png.insert(1, png.palette());
    case palette_behind_pixels:
      return std::swap(png.palette(), png.pixels());
    default:  // palette_index_out_of_range
      palette.resize(3);
      png.scanlines.back() = static_cast<char>(1 + draws.below(255));
      png.pixels().data = zlib_stream(png.scanlines);
  }
}

void spoil_stream(Defect defect, RawPng& png, Draws& draws) {
  std::string& stream = png.pixels().data;
  const std::size_t row = png.width + 1;
  switch (defect) {
    case pixels_missing:
      return png.erase(2);
    case pixels_too_few:
      stream = zlib_stream(png.scanlines.substr(0, draws.below(png.scanlines.size())));
      return;
    case pixels_cut_inside_the_stream:
      return stream.resize(8 + draws.below(png.scanlines.size() - 1));
    case pixels_of_length_zero:
      return stream.clear();
    case pixels_not_consecutive: {
      const std::size_t cut = 3 + draws.below(png.scanlines.size() - 1);
      const Chunk rest{"IDAT", stream.substr(cut)};
      stream.resize(cut);
      png.insert(3, rest);
      return png.insert(3, {"tEXt", "Title"});
    }
    case zlib_method_unknown:
      stream.replace(0, 2, "y\x18");
      return;
    case zlib_window_too_large:
      stream.replace(0, 2, "\x88\x1C");
      return;
    case zlib_header_check_wrong:
      stream[1] = static_cast<char>(2 + draws.below(30));
      return;
    case zlib_dictionary_asked_for:
      stream.replace(0, 2, "x " + big(draws.bits(), 4));
      return;
    case deflate_block_type_unknown:
      stream[2] = static_cast<char>(6 + draws.below(2));
      return;
    case deflate_stored_length_wrong:
      test::flip_bits(stream[3], 1 + draws.below(255));
      return;
    case deflate_code_lengths_impossible:
      // dynamic codes: all 19 code lengths have codes of 4 bits, of which there are 16
      stream.replace(2, 10, "\xED\xFD" + std::string(8, '\x49'));
      return;
    case deflate_distance_too_far:
      // fixed codes: a match of 3 bytes, 1 before the beginning
      stream.replace(2, 3, std::string("\x03\x02\x00", 3));
      return;
    default:  // filter_byte_unknown
      png.scanlines[draws.below(png.height) * row] = static_cast<char>(5 + draws.below(251));
      stream = zlib_stream(png.scanlines);
  }
}

void spoil_chunks(Defect defect, RawPng& png, Draws& draws) {
  Chunk& any = png.chunks[draws.below(png.chunks.size())];
  const std::uint32_t some = 1 + draws.bits() % 1000;
  switch (defect) {
    case header_crc_wrong:
      png.header().crc_error = some;
      return;
    case palette_crc_wrong:
      png.palette().crc_error = some;
      return;
    case pixels_crc_wrong:
      png.pixels().crc_error = some;
      return;
    case end_crc_wrong:
      png.end().crc_error = some;
      return;
    case ancillary_crc_wrong:
      return png.insert(1 + draws.below(3), {"tEXt", "Title", std::nullopt, some});
    case end_missing:
      return png.erase(3);
    case chunk_longer_than_the_file:
      png.pixels().length = static_cast<std::uint32_t>(png.file().size()) + some;
      return;
    case chunk_length_above_2_31:
      any.length = 0x8000'0000U + some;
      return;
    case chunk_type_not_letters:
      return png.insert(1 + draws.below(2), {std::string("\n\x1B[\0", 4), ""});
    default:  // critical_chunk_unknown
      png.insert(1 + draws.below(3), {"ABCD", std::string(some, 'x')});
  }
}

std::string spoil(Defect defect, Draws& draws) {
  RawPng png = sound_png(draws);
  if (defect == signature_in_text_mode) {
    png.signature = draws.below(2) == 0 ? "\x89PNG\n\x1A\n" : "\x89PNG\r\r\n\x1A\r\n";
  } else if (defect == data_behind_the_end) {
    return png.file() + std::string(1 + draws.below(1000), 'x');
  } else if (defect <= interlaced_without_all_passes) {
    spoil_header(defect, png, draws);
  } else if (defect <= palette_behind_pixels || defect == palette_index_out_of_range) {
    spoil_palette(defect, png, draws);
  } else if (defect <= pixels_not_consecutive ||
             (defect >= zlib_method_unknown && defect <= filter_byte_unknown)) {
    spoil_stream(defect, png, draws);
  } else {
    spoil_chunks(defect, png, draws);
  }
  return png.file();
}

class PngMalformed : public testing::TestWithParam<test::Expectation<Defect>> {};

TEST_P(PngMalformed, IsTakenAsStated) {
  test::expect_as_stated<Defect>(
      GetParam(), [](Draws& draws) { return spoil(GetParam().defect, draws); }, test::decode);
}

INSTANTIATE_TEST_SUITE_P(Defects, PngMalformed, testing::ValuesIn(kDefects), test::NameOfDefect{});

TEST(PngMalformedBase, IsDecodedWithoutADefect) {
  test::expect_tolerated([](Draws& draws) { return sound_png(draws).file(); }, test::decode);
}

}  // namespace
}  // namespace convmae
