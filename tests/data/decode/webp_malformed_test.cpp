#include <gtest/gtest.h>

#include "malformed_image.h"
#include "raw_webp.h"
#include "support/bytes.h"
#include "support/malformed.h"
#include <cstdint>
#include <string>

namespace convmae {
namespace {

using test::BitWriter;
using test::Draws;
using test::kTolerated;
using test::little;
using test::RawWebp;

enum class Defect {
  riff_tag_wrong,
  form_type_wrong,
  riff_size_below_a_chunk,
  riff_size_beyond_the_file,
  riff_size_at_the_maximum,
  riff_size_cuts_the_chunk,
  chunks_missing,
  chunk_header_cut,
  chunk_longer_than_the_riff,
  chunk_size_zero,
  chunk_type_unknown,
  chunk_before_a_simple_image,
  frame_header_cut,
  frame_not_a_key_frame,
  frame_not_shown,
  frame_profile_unknown,
  frame_start_code_wrong,
  frame_width_zero,
  frame_height_zero,
  frame_of_more_pixels_than_the_limit,
  first_partition_beyond_the_end,
  first_partition_empty,
  frame_data_cut,
  lossless_signature_wrong,
  lossless_version_unknown,
  lossless_header_cut,
  lossless_of_more_pixels_than_the_limit,
  lossless_transform_twice,
  lossless_transform_cut,
  lossless_colour_cache_too_small,
  lossless_colour_cache_too_large,
  lossless_code_lengths_too_many,
  lossless_code_lengths_too_few,
  lossless_code_longer_than_its_alphabet,
  lossless_code_without_symbols,
  lossless_copy_from_before_the_beginning,
  lossless_data_cut,
  extended_header_cut,
  extended_canvas_of_other_size,
  extended_canvas_of_more_than_2_32_pixels,
  extended_without_image,
  extended_animation,
  alpha_empty,
  alpha_method_unknown,
  alpha_reserved_bits_set,
  alpha_data_cut,
  alpha_lossless_stream_damaged,
  alpha_longer_than_the_file,
  alpha_announced_and_missing,
  data_behind_the_end,
};

using enum Defect;
constexpr const char* kHeader = "the header cannot be read";
constexpr const char* kPixels = "the pixels cannot be decoded";
constexpr test::Expectation<Defect> kDefects[] = {
    {riff_tag_wrong, "riff_tag_wrong", "expected a JPEG, PNG, WebP"},
    {form_type_wrong, "form_type_wrong", "expected a JPEG, PNG, WebP"},
    {riff_size_below_a_chunk, "riff_size_below_a_chunk", kHeader},
    {riff_size_beyond_the_file, "riff_size_beyond_the_file", kPixels},
    {riff_size_at_the_maximum, "riff_size_at_the_maximum", kHeader},
    {riff_size_cuts_the_chunk, "riff_size_cuts_the_chunk", kHeader},
    {chunks_missing, "chunks_missing", kHeader},
    {chunk_header_cut, "chunk_header_cut", kHeader},
    {chunk_longer_than_the_riff, "chunk_longer_than_the_riff", kHeader},
    {chunk_size_zero, "chunk_size_zero", kHeader},
    {chunk_type_unknown, "chunk_type_unknown", kHeader},
    {chunk_before_a_simple_image, "chunk_before_a_simple_image", kHeader},
    {frame_header_cut, "frame_header_cut", kHeader},
    {frame_not_a_key_frame, "frame_not_a_key_frame", kHeader},
    {frame_not_shown, "frame_not_shown", kHeader},
    {frame_profile_unknown, "frame_profile_unknown", kHeader},
    {frame_start_code_wrong, "frame_start_code_wrong", kHeader},
    {frame_width_zero, "frame_width_zero", kHeader},
    {frame_height_zero, "frame_height_zero", kHeader},
    {frame_of_more_pixels_than_the_limit, "frame_of_more_pixels_than_the_limit", "above the limit"},
    {first_partition_beyond_the_end, "first_partition_beyond_the_end", kHeader},
    {first_partition_empty, "first_partition_empty", kPixels},
    {frame_data_cut, "frame_data_cut", kPixels},
    {lossless_signature_wrong, "lossless_signature_wrong", kHeader},
    {lossless_version_unknown, "lossless_version_unknown", kHeader},
    {lossless_header_cut, "lossless_header_cut", kHeader},
    {lossless_of_more_pixels_than_the_limit, "lossless_of_more_pixels_than_the_limit",
     "above the limit"},
    {lossless_transform_twice, "lossless_transform_twice", kPixels},
    {lossless_transform_cut, "lossless_transform_cut", kPixels},
    {lossless_colour_cache_too_small, "lossless_colour_cache_too_small", kPixels},
    {lossless_colour_cache_too_large, "lossless_colour_cache_too_large", kPixels},
    {lossless_code_lengths_too_many, "lossless_code_lengths_too_many", kPixels},
    {lossless_code_lengths_too_few, "lossless_code_lengths_too_few", kPixels},
    {lossless_code_longer_than_its_alphabet, "lossless_code_longer_than_its_alphabet", kPixels},
    {lossless_code_without_symbols, "lossless_code_without_symbols", kPixels},
    {lossless_copy_from_before_the_beginning, "lossless_copy_from_before_the_beginning", kPixels},
    {lossless_data_cut, "lossless_data_cut", kPixels},
    {extended_header_cut, "extended_header_cut", kHeader},
    {extended_canvas_of_other_size, "extended_canvas_of_other_size", kHeader},
    {extended_canvas_of_more_than_2_32_pixels, "extended_canvas_of_more_than_2_32_pixels", kHeader},
    {extended_without_image, "extended_without_image", kPixels},
    {extended_animation, "extended_animation", "frames of an animation"},
    {alpha_empty, "alpha_empty", kPixels},
    {alpha_method_unknown, "alpha_method_unknown", kPixels},
    {alpha_reserved_bits_set, "alpha_reserved_bits_set", kPixels},
    {alpha_data_cut, "alpha_data_cut", kPixels},
    {alpha_lossless_stream_damaged, "alpha_lossless_stream_damaged", kPixels},
    {alpha_longer_than_the_file, "alpha_longer_than_the_file", kHeader},
    {alpha_announced_and_missing, "alpha_announced_and_missing", kTolerated},
    {data_behind_the_end, "data_behind_the_end", kTolerated},
};

/// The only chunk's content of a file of tests/data/images.
std::string sound_frame(const std::string& name) {
  const std::string file = test::sound_image(name);
  const auto* size = reinterpret_cast<const unsigned char*>(file.data()) + 16;
  return file.substr(20, std::size_t{size[0]} | std::size_t{size[1]} << 8);
}

constexpr std::size_t kFrameWidth = 53;  // of lossy.webp
constexpr std::size_t kFrameHeight = 37;

/// A container of that lossy frame.
RawWebp lossy(const std::string& frame) { return {.chunks = {{"VP8 ", frame}}}; }

/// The same with an extended header and an alpha plane.
RawWebp with_alpha(const std::string& alpha) {
  const std::string header =
      little(0x10, 4) + little(kFrameWidth - 1, 3) + little(kFrameHeight - 1, 3);
  return {.chunks = {{"VP8X", header}, {"ALPH", alpha}, {"VP8 ", sound_frame("lossy.webp")}}};
}

/// A prefix code of one symbol, of which no bits are stored.
void put_single_symbol(BitWriter& bits, std::uint64_t symbol) {
  bits.put(0b101, 3);  // simple, one symbol of 8 bits
  bits.put(symbol, 8);
}

/// The prefix code of green values and copies: explicit code lengths.
void put_spoiled_code(Defect defect, BitWriter& bits) {
  bits.put(0, 5);  // explicit; lengths of the four code lengths 17, 18, 0 and 1
  switch (defect) {
    case lossless_code_lengths_too_many:
      return bits.put(0b001'001'001'001, 12);
    case lossless_code_lengths_too_few:
      return bits.put(0b010'010'000'000, 12);
    case lossless_code_without_symbols:
      bits.put(0b001'000'001'000, 12);
      return bits.put(0xFFFF, 17);  // runs of 138 zeros
    case lossless_code_longer_than_its_alphabet:
      bits.put(0b001'000'001'000, 12);
      bits.put(0b1'111, 4);                 // the number of lengths has 16 bits
      return bits.put((1U << 16) - 1, 16);  // more than the alphabet's 280
    default:  // lossless_copy_from_before_the_beginning: only the symbol 256, a copy of one pixel
      bits.put(0b001'000'001'000, 12);
      bits.put(0, 1);  // as many lengths as symbols
      bits.put(1 | 127 << 1, 8);
      bits.put(1 | 107 << 1, 8);  // 138 + 118 zeros
      bits.put(0, 1);
      bits.put(1 | 12 << 1, 8);  // 23 zeros
  }
}

/// An image of one colour, sound but for the defect.
std::string lossless_frame(Defect defect, Draws& draws) {
  const bool large = defect == lossless_of_more_pixels_than_the_limit;
  BitWriter bits;
  bits.put(defect == lossless_signature_wrong ? draws.below(0x2F) : 0x2F, 8);
  bits.put((large ? 1024 : 0) + draws.below(600), 14);
  bits.put((large ? 1024 : 0) + draws.below(600), 14);
  bits.put(0, 1);  // no alpha
  bits.put(defect == lossless_version_unknown ? 1 + draws.below(7) : 0, 3);
  if (defect == lossless_transform_twice) bits.put(0b101'101, 6);  // both subtract green
  if (defect == lossless_transform_cut) {
    bits.put(0b111, 3);  // a palette that is not there
    return bits.bytes();
  }
  bits.put(0, 1);  // no more transforms
  if (defect == lossless_colour_cache_too_small || defect == lossless_colour_cache_too_large) {
    bits.put(1, 1);
    bits.put(defect == lossless_colour_cache_too_small ? 0 : 12 + draws.below(4), 4);
  } else {
    bits.put(0, 1);
  }
  bits.put(0, 1);  // one group of prefix codes
  if (defect >= lossless_code_lengths_too_many &&
      defect <= lossless_copy_from_before_the_beginning) {
    put_spoiled_code(defect, bits);
  } else {
    put_single_symbol(bits, draws.below(256));
  }
  for (int code = 0; code < 3; ++code) put_single_symbol(bits, draws.below(256));
  put_single_symbol(bits, 0);  // distances
  bits.put(0, 64);
  return bits.bytes();
}

std::string spoil_container(Defect defect, Draws& draws) {
  RawWebp webp = lossy(sound_frame("lossy.webp"));
  const std::string whole = webp.file();
  const auto size = static_cast<std::uint32_t>(whole.size() - 8);
  const std::uint32_t some = 2 * (1 + static_cast<std::uint32_t>(draws.below(300)));
  switch (defect) {
    case riff_tag_wrong:
      webp.tag = draws.below(2) == 0 ? "RIFX" : "riff";
      break;
    case form_type_wrong:
      webp.form = draws.below(2) == 0 ? "WEBM" : "WAVE";
      break;
    case riff_size_below_a_chunk:
      webp.size = static_cast<std::uint32_t>(draws.below(12));
      break;
    case riff_size_beyond_the_file:
      webp.size = size + some;
      break;
    case riff_size_at_the_maximum:
      webp.size = 0xFFFF'FFFFU - static_cast<std::uint32_t>(draws.below(9));
      break;
    case riff_size_cuts_the_chunk:
      webp.size = size - some;
      break;
    case chunks_missing:
      webp.chunks.clear();
      break;
    case chunk_header_cut:
      return whole.substr(0, 12 + draws.below(8));
    case chunk_longer_than_the_riff:
      webp.chunks[0].length = size + some;
      break;
    case chunk_size_zero:
      webp.chunks[0].length = 0;
      break;
    case chunk_type_unknown:
      webp.chunks[0].type[draws.below(3)] = 'x';
      break;
    case chunk_before_a_simple_image:
      webp.chunks.insert(webp.chunks.begin(), {"EXIF", std::string(some, 'x')});
      break;
    default:  // data_behind_the_end
      return whole + std::string(some, 'x');
  }
  return webp.file();
}

std::string spoil_frame(Defect defect, Draws& draws) {
  std::string frame = sound_frame("lossy.webp");
  const auto set_tag = [&frame](unsigned clear, std::uint64_t set) {
    frame[0] = static_cast<char>((static_cast<unsigned char>(frame[0]) & ~clear) | set);
  };
  switch (defect) {
    case frame_header_cut:
      frame.resize(1 + draws.below(9));
      break;
    case frame_not_a_key_frame:
      set_tag(0, 1);
      break;
    case frame_not_shown:
      set_tag(0x10, 0);
      break;
    case frame_profile_unknown:
      set_tag(0x0E, (4 + draws.below(4)) << 1);
      break;
    case frame_start_code_wrong:
      frame.replace(3, 3, little(0x2A019E + draws.below(1000), 3));
      break;
    case frame_width_zero:
      frame.replace(6, 2, little(draws.below(4) << 14, 2));  // the upper bits are a scale
      break;
    case frame_height_zero:
      frame.replace(8, 2, little(draws.below(4) << 14, 2));
      break;
    case frame_of_more_pixels_than_the_limit:
      frame.replace(6, 4,
                    little(1025 + draws.below(15'000), 2) + little(1024 + draws.below(99), 2));
      break;
    case first_partition_beyond_the_end:
      frame.replace(0, 3, little(0x10 | (frame.size() + draws.below(500'000)) << 5, 3));
      break;
    case first_partition_empty:
      frame.replace(0, 3, little(0x10, 3));
      break;
    default:  // frame_data_cut
      frame.resize(10 + 200 + draws.below(frame.size() - 300));
  }
  return lossy(frame).file();
}

std::string spoil_lossless(Defect defect, Draws& draws) {
  std::string frame = lossless_frame(defect, draws);
  if (defect == lossless_header_cut) frame.resize(1 + draws.below(4));
  if (defect == lossless_data_cut) {
    frame = sound_frame("lossless.webp");
    frame.resize(5 + draws.below(frame.size() - 100));
  }
  return RawWebp{.chunks = {{"VP8L", frame}}}.file();
}

std::string spoil_extended(Defect defect, Draws& draws) {
  const std::uint64_t some = 1 + draws.below(200);
  const std::size_t area = kFrameWidth * kFrameHeight;
  RawWebp webp = with_alpha(std::string(1 + area, '\0'));  // stored as it is
  std::string& header = webp.chunks[0].data;
  std::string& alpha = webp.chunks[1].data;
  switch (defect) {
    case extended_header_cut:
      header.resize(draws.below(10));
      break;
    case extended_canvas_of_other_size:
      header.replace(draws.below(2) == 0 ? 4 : 7, 3, little(kFrameWidth + some, 3));
      break;
    case extended_canvas_of_more_than_2_32_pixels:
      header.replace(4, 6, little(0xFFFFFF - some, 3) + little(0xFFFFFF - some, 3));
      break;
    case extended_without_image:
      webp.chunks.pop_back();
      break;
    case extended_animation:
      header[0] = 0x12;
      break;
    case alpha_empty:
      alpha.clear();
      break;
    case alpha_method_unknown:
      alpha[0] = static_cast<char>(2 + draws.below(2));
      break;
    case alpha_reserved_bits_set:
      alpha[0] = static_cast<char>((1 + draws.below(3)) << 6);
      break;
    case alpha_data_cut:
      alpha.resize(1 + draws.below(area));
      break;
    case alpha_lossless_stream_damaged:
      alpha[0] = 1;
      alpha.replace(1, 1, 1, '\x2D');  // the same transform twice
      break;
    case alpha_longer_than_the_file:
      webp.chunks[1].length = static_cast<std::uint32_t>(webp.file().size() + 2 * some);
      break;
    default:  // alpha_announced_and_missing
      webp.chunks.erase(webp.chunks.begin() + 1);
  }
  return webp.file();
}

std::string spoil(Defect defect, Draws& draws) {
  if (defect <= chunk_before_a_simple_image || defect == data_behind_the_end) {
    return spoil_container(defect, draws);
  }
  if (defect <= frame_data_cut) return spoil_frame(defect, draws);
  if (defect <= lossless_data_cut) return spoil_lossless(defect, draws);
  return spoil_extended(defect, draws);
}

class WebpMalformed : public testing::TestWithParam<test::Expectation<Defect>> {};

TEST_P(WebpMalformed, IsTakenAsStated) {
  test::expect_as_stated<Defect>(
      GetParam(), [](Draws& draws) { return spoil(GetParam().defect, draws); }, test::decode);
}

INSTANTIATE_TEST_SUITE_P(Defects, WebpMalformed, testing::ValuesIn(kDefects), test::NameOfDefect{});

TEST(WebpMalformedBase, IsDecodedWithoutADefect) {
  const std::string frame = sound_frame("lossy.webp");
  EXPECT_EQ(lossy(frame).file(), test::sound_image("lossy.webp"));
  EXPECT_NO_THROW(test::decode(lossy(frame).file()));
  EXPECT_NO_THROW(
      test::decode(with_alpha(std::string(1 + kFrameWidth * kFrameHeight, '\0')).file()));
  // not a defect of the stream itself
  test::expect_tolerated([](Draws& draws) { return spoil_lossless(data_behind_the_end, draws); },
                         test::decode);
}

}  // namespace
}  // namespace convmae
