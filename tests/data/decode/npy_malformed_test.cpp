#include <gtest/gtest.h>

#include "malformed_image.h"
#include "support/bytes.h"
#include "support/malformed.h"
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using test::Draws;
using test::kTolerated;
using test::little;

/// A file in parts, to be spoiled.
struct RawNpy {
  std::string magic = "\x93NUMPY";
  unsigned major = 1;
  unsigned minor = 0;
  std::optional<std::uint64_t> length = std::nullopt;  ///< contradicts the truth
  std::vector<std::pair<std::string, std::string>> entries;
  std::string before;
  std::string behind = "   \n";
  std::string data;

  std::string& type() { return entries[0].second; }
  std::string& order() { return entries[1].second; }
  std::string& shape() { return entries[2].second; }
  std::string dictionary() const {
    std::string text = "{";
    for (const auto& [key, value] : entries)
      text.append(key).append(": ").append(value).append(", ");
    return text + "}";
  }
  std::string file() const { return file_with(before + dictionary() + behind); }
  std::string file_with(const std::string& header) const {
    return magic + little(major, 1) + little(minor, 1) +
           little(length.value_or(header.size()), major == 1 ? 2 : 4) + header + data;
  }
};

std::string sides(std::uint64_t height, std::uint64_t width) {
  return "(" + std::to_string(height) + ", " + std::to_string(width) + ")";
}

RawNpy sound_npy(Draws& draws) {
  const std::uint64_t height = 2 + draws.below(30);
  const std::uint64_t width = 2 + draws.below(30);
  RawNpy npy;
  npy.entries = {
      {"'descr'", "'<f4'"}, {"'fortran_order'", "False"}, {"'shape'", sides(height, width)}};
  npy.data = std::string(height * width * 4, '\x01');
  return npy;
}

enum class Defect {
  magic_wrong,
  magic_alone,
  version_major_unknown,
  version_minor_unknown,
  header_longer_than_the_file,
  header_of_32_bits_longer_than_the_file,
  header_empty,
  header_of_other_literal,
  header_of_code,
  text_before_dictionary,
  text_behind_dictionary,
  dictionary_not_closed,
  key_without_quotes,
  key_not_closed,
  key_unknown,
  key_twice,
  colon_missing,
  comma_missing,
  type_missing,
  order_missing,
  shape_missing,
  type_of_other_width,
  type_big_endian,
  type_of_objects,
  type_of_records,
  type_of_control_characters,
  type_without_quotes,
  order_of_fortran,
  order_not_boolean,
  shape_is_a_list,
  shape_is_a_number,
  shape_not_closed,
  shape_of_text,
  shape_with_a_fraction,
  shape_negative,
  shape_with_a_zero,
  shape_of_no_dimension,
  shape_of_one_dimension,
  shape_of_more_than_three_dimensions,
  shape_above_2_63,
  shape_overflows,
  shape_overflows_in_bytes,
  shape_of_more_pixels_than_the_limit,
  shape_of_other_channels_than_wanted,
  data_missing,
  data_cut,
  value_not_a_number,
  value_infinite,
  data_behind_the_end,
};

using enum Defect;
constexpr const char* kNoDictionary = "expected '{' in the header";
constexpr const char* kNoSize = "expected a size in the header";
constexpr test::Expectation<Defect> kDefects[] = {
    {magic_wrong, "magic_wrong", "WebP, TIFF or .npy"},
    {magic_alone, "magic_alone", "truncated"},
    {version_major_unknown, "version_major_unknown", "unknown format version"},
    {version_minor_unknown, "version_minor_unknown", "unknown format version"},
    {header_longer_than_the_file, "header_longer_than_the_file", "truncated"},
    {header_of_32_bits_longer_than_the_file, "header_of_32_bits_longer_than_the_file", "truncated"},
    {header_empty, "header_empty", kNoDictionary},
    {header_of_other_literal, "header_of_other_literal", kNoDictionary},
    {header_of_code, "header_of_code", ".npy: expected"},
    {text_before_dictionary, "text_before_dictionary", kNoDictionary},
    {text_behind_dictionary, "text_behind_dictionary", "text behind the dictionary"},
    {dictionary_not_closed, "dictionary_not_closed", "in the header"},
    {key_without_quotes, "key_without_quotes", "expected a quoted word"},
    {key_not_closed, "key_not_closed", "in the header"},
    {key_unknown, "key_unknown", "unknown key"},
    {key_twice, "key_twice", "stands twice"},
    {colon_missing, "colon_missing", "expected ':'"},
    {comma_missing, "comma_missing", "expected '}'"},
    {type_missing, "type_missing", "the header lacks"},
    {order_missing, "order_missing", "the header lacks"},
    {shape_missing, "shape_missing", "the header lacks"},
    {type_of_other_width, "type_of_other_width", "found type"},
    {type_big_endian, "type_big_endian", "found type"},
    {type_of_objects, "type_of_objects", "found type"},
    {type_of_records, "type_of_records", "expected a quoted word"},
    {type_of_control_characters, "type_of_control_characters", "found type '\\x"},
    {type_without_quotes, "type_without_quotes", "expected a quoted word"},
    {order_of_fortran, "order_of_fortran", "Fortran order"},
    {order_not_boolean, "order_not_boolean", "expected True or False"},
    {shape_is_a_list, "shape_is_a_list", "expected '('"},
    {shape_is_a_number, "shape_is_a_number", "expected '('"},
    {shape_not_closed, "shape_not_closed", "in the header"},
    {shape_of_text, "shape_of_text", kNoSize},
    {shape_with_a_fraction, "shape_with_a_fraction", "expected ')'"},
    {shape_negative, "shape_negative", kNoSize},
    {shape_with_a_zero, "shape_with_a_zero", "has no pixels"},
    {shape_of_no_dimension, "shape_of_no_dimension", "found 0 dimensions"},
    {shape_of_one_dimension, "shape_of_one_dimension", "found 1 dimensions"},
    {shape_of_more_than_three_dimensions, "shape_of_more_than_three_dimensions", "dimensions"},
    {shape_above_2_63, "shape_above_2_63", kNoSize},
    {shape_overflows, "shape_overflows", "above the limit"},
    {shape_overflows_in_bytes, "shape_overflows_in_bytes", "above the limit"},
    {shape_of_more_pixels_than_the_limit, "shape_of_more_pixels_than_the_limit", "above the limit"},
    {shape_of_other_channels_than_wanted, "shape_of_other_channels_than_wanted", "channels"},
    {data_missing, "data_missing", "bytes of data, found 0"},
    {data_cut, "data_cut", "bytes of data, found"},
    {value_not_a_number, "value_not_a_number", "NaN or infinity"},
    {value_infinite, "value_infinite", "NaN or infinity"},
    {data_behind_the_end, "data_behind_the_end", kTolerated},
};

std::string one_of(Draws& draws, const std::vector<std::string>& texts) {
  return texts[draws.below(texts.size())];
}

std::string spoil_header(Defect defect, RawNpy& npy, Draws& draws) {
  const std::string whole = npy.file();
  const std::uint64_t some = 1 + draws.below(200);
  auto& [key, value] = npy.entries[draws.below(3)];
  switch (defect) {
    case magic_wrong:
      npy.magic = one_of(draws, {"\x93NUMPZ", "NUMPY ", "\x93numpy", "\x13NUMPY"});
      break;
    case magic_alone:
      return whole.substr(0, 6 + draws.below(6));
    case version_major_unknown:
      npy.major = draws.below(4) == 0 ? 0 : static_cast<unsigned>(3 + some);
      break;
    case version_minor_unknown:
      npy.minor = static_cast<unsigned>(some);
      break;
    case header_longer_than_the_file:
      npy.length = whole.size() + some;
      break;
    case header_of_32_bits_longer_than_the_file:
      npy.major = static_cast<unsigned>(2 + draws.below(2));
      npy.length = whole.size() + draws.bits() % 4'000'000'000U;
      break;
    case header_empty:
      return npy.file_with(std::string(some - 1, ' '));
    case header_of_other_literal:
      return npy.file_with(one_of(draws, {"[]", "None", "()", "'{}'", "1"}));
    case header_of_code:
      value = one_of(draws, {"__import__('os')", "open('x', 'w')", "lambda: 0", "f''"});
      break;
    case text_before_dictionary:
      npy.before = one_of(draws, {"x", "(", "\r", "0", "#"});
      break;
    case text_behind_dictionary:
      npy.behind += std::string(some, one_of(draws, {"x", "}", ",", "\r"})[0]);
      break;
    case dictionary_not_closed:
      npy.data.clear();
      return npy.file_with(npy.dictionary().substr(0, npy.dictionary().size() - 1));
    case key_without_quotes:
      key = key.substr(1, key.size() - 2);
      break;
    case key_not_closed:
      key.pop_back();
      break;
    case key_unknown:
      key = "'" + one_of(draws, {"Shape", "", "order", "dtype", "\n\x1B[2J"}) + "'";
      break;
    case key_twice:
      npy.entries.emplace_back(key, value);
      break;
    case colon_missing:
      key += one_of(draws, {" ", "=", ","}) + value;
      break;
    case comma_missing:
      value += one_of(draws, {" 'x'", " x", ";", " 0"});
      break;
    default:  // type_missing, order_missing, shape_missing
      npy.entries.erase(npy.entries.begin() + static_cast<int>(defect) -
                        static_cast<int>(type_missing));
  }
  return npy.file();
}

void spoil_type(Defect defect, RawNpy& npy, Draws& draws) {
  switch (defect) {
    case type_of_other_width:
      npy.type() = one_of(draws, {"'<i4'", "'<f8'", "'<f2'", "'<c8'", "'|b1'", "'<u22'", "''"});
      break;
    case type_big_endian:
      npy.type() = one_of(draws, {"'>f4'", "'>u2'"});
      break;
    case type_of_objects:
      npy.type() = one_of(draws, {"'|O'", "'|O8'", "'O'"});
      break;
    case type_of_records:
      npy.type() = one_of(draws, {"[('x', '<f4')]", "[]", "('<f4', (3,))"});
      break;
    case type_of_control_characters:
      npy.type() =
          "'" + std::string(1 + draws.below(300), one_of(draws, {"\n", "\x1B", "\xC3"})[0]) + "'";
      break;
    case type_without_quotes:
      npy.type() = one_of(draws, {"<f4", "float32", "None"});
      break;
    case order_of_fortran:
      npy.order() = "True";
      break;
    default:  // order_not_boolean
      npy.order() = one_of(draws, {"0", "None", "'False'", "false", ""});
  }
}

void spoil_shape(Defect defect, RawNpy& npy, Draws& draws) {
  const std::uint64_t some = 1 + draws.below(1000);
  std::string& shape = npy.shape();
  switch (defect) {
    case shape_is_a_list:
      shape = "[" + std::to_string(some) + ", 2]";
      break;
    case shape_is_a_number:
      shape = std::to_string(some);
      break;
    case shape_not_closed:
      shape.pop_back();
      break;
    case shape_of_text:
      shape = one_of(draws, {"('2', 2)", "(None, 2)", "(2, x)", "(2, 'x')", "((2, 2))"});
      break;
    case shape_with_a_fraction:
      shape = "(2." + std::to_string(some) + ", 2)";
      break;
    case shape_negative:
      shape = "(-" + std::to_string(some) + ", 2)";
      break;
    case shape_with_a_zero:
      shape = draws.below(2) == 0 ? sides(0, some) : sides(some, 0);
      break;
    case shape_of_no_dimension:
      shape = "(" + std::string(some, ' ') + ")";
      break;
    case shape_of_one_dimension:
      shape = "(" + std::to_string(some) + ",)";
      break;
    case shape_of_more_than_three_dimensions:
      shape = "(";
      for (std::uint64_t i = 0; i < 3 + some; ++i) shape += "1, ";
      shape += ")";
      break;
    case shape_above_2_63:
      shape = sides((std::uint64_t{1} << 63) + draws.bits(), 1);
      break;
    case shape_overflows:
      // the product of all sides or of the first two is zero or small modulo 2^64
      shape = draws.below(2) == 0
                  ? "(4, 5, 3144441441111111111)"
                  : sides(std::uint64_t{1} << (33 + draws.below(30)), std::uint64_t{1} << 31);
      break;
    case shape_overflows_in_bytes:
      // 2^62 values and some, of 4 bytes each
      shape = "(1, 1, " + std::to_string((std::uint64_t{1} << 62) + draws.below(100)) + ")";
      break;
    case shape_of_more_pixels_than_the_limit:
      shape = sides(1024 + some, 1024 + draws.below(100'000));
      break;
    default:  // shape_of_other_channels_than_wanted
      shape = "(1, 1, " + std::to_string(3 + some) + ")";
  }
}

void spoil_data(Defect defect, RawNpy& npy, Draws& draws) {
  const std::size_t value = 4 * draws.below(npy.data.size() / 4);
  switch (defect) {
    case data_missing:
      return npy.data.clear();
    case data_cut:
      return npy.data.resize(draws.below(npy.data.size()));
    case value_not_a_number:
      npy.data.replace(value, 4, little(0x7F80'0001U + draws.below(1 << 22), 4));
      break;
    case value_infinite:
      npy.data.replace(value, 4, little(0x7F80'0000U | draws.below(2) << 31, 4));
      break;
    default:  // data_behind_the_end: numpy reads one array after the other from such a file
      npy.data += std::string(1 + draws.below(1000), 'x');
  }
}

std::string spoil(Defect defect, Draws& draws) {
  RawNpy npy = sound_npy(draws);
  if (defect <= shape_missing) return spoil_header(defect, npy, draws);
  if (defect <= order_not_boolean) {
    spoil_type(defect, npy, draws);
  } else if (defect <= shape_of_other_channels_than_wanted) {
    spoil_shape(defect, npy, draws);
  } else {
    spoil_data(defect, npy, draws);
  }
  return npy.file();
}

class NpyMalformed : public testing::TestWithParam<test::Expectation<Defect>> {};

TEST_P(NpyMalformed, IsTakenAsStated) {
  test::expect_as_stated<Defect>(
      GetParam(), [](Draws& draws) { return spoil(GetParam().defect, draws); }, test::decode);
}

INSTANTIATE_TEST_SUITE_P(Defects, NpyMalformed, testing::ValuesIn(kDefects), test::NameOfDefect{});

TEST(NpyMalformedBase, IsDecodedWithoutADefect) {
  test::expect_tolerated([](Draws& draws) { return sound_npy(draws).file(); }, test::decode);
}

TEST(NpyMalformedBase, IsDecodedWithItsKeysInAnyOrder) {
  test::expect_tolerated(
      [](Draws& draws) {
        RawNpy npy = sound_npy(draws);
        std::swap(npy.entries[draws.below(3)], npy.entries[draws.below(3)]);
        return npy.file();
      },
      test::decode);
}

}  // namespace
}  // namespace convmae
