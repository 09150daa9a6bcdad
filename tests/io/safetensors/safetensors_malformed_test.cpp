#include "convmae/io/safetensors/safetensors.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/malformed.h"
#include "test_files.h"
#include <array>
#include <cstring>
#include <limits>
#include <vector>

namespace convmae {
namespace {

using nlohmann::ordered_json;
using test::Draws;

std::string join(std::initializer_list<std::string_view> parts) {
  std::string joined;
  for (const std::string_view part : parts) joined += part;
  return joined;
}

std::string tensor_name(std::uint64_t number) { return join({"t", std::to_string(number)}); }

/// A valid file in parts, to be spoiled.
struct Parts {
  ordered_json header = ordered_json::object();
  std::string data;

  /// One of the tensors.
  ordered_json& any(Draws& draws) { return header[tensor_name(draws.below(header.size()))]; }
  std::string file() const { return file_with(header.dump()); }
  std::string file_with(const std::string& text) const { return file_with(text, text.size()); }
  std::string file_with(const std::string& text, std::uint64_t announced) const {
    std::string length(sizeof(announced), '\0');
    std::memcpy(length.data(), &announced, sizeof(announced));
    return length + text + data;
  }
};

/// 2 to 5 tensors, none of them empty.
Parts valid_parts(Draws& draws) {
  Parts parts;
  const std::uint64_t count = 2 + draws.below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::int64_t rows = 1 + static_cast<std::int64_t>(draws.below(5));
    const std::int64_t columns = 1 + static_cast<std::int64_t>(draws.below(5));
    const auto begin = static_cast<std::int64_t>(parts.data.size());
    parts.data.resize(parts.data.size() + static_cast<std::size_t>(rows * columns * 4), 'd');
    parts.header[tensor_name(i)] = {
        {"dtype", "F32"}, {"shape", {rows, columns}}, {"data_offsets", {begin, parts.data.size()}}};
  }
  return parts;
}

enum class Defect {
  empty_file,
  shorter_than_length,
  truncated_header,
  truncated_data,
  data_after_the_end,
  header_over_cap,
  header_length_overflows,
  header_not_object,
  header_begins_with_space,
  header_is_array,
  header_not_json,
  header_ends_early,
  text_after_header,
  zero_byte_in_header,
  invalid_utf8,
  deep_nesting,
  duplicate_tensor,
  duplicate_field,
  duplicate_metadata_key,
  metadata_not_object,
  metadata_value_not_string,
  unknown_field,
  missing_field,
  unknown_dtype,
  dtype_not_string,
  shape_not_array,
  negative_dimension,
  fractional_dimension,
  huge_dimension,
  shape_overflows,
  shape_disagrees,
  too_many_dimensions,
  one_offset,
  three_offsets,
  offsets_reversed,
  offsets_beyond_end,
  offsets_overlap,
  offsets_leave_hole,
  nested_shape,
  tensor_not_object,
  count
};

template <typename T>
T pick(Draws& draws, const std::vector<T>& from) {
  return from[draws.below(from.size())];
}

std::string json_of_depth(std::uint64_t depth) {
  return join({"{\"t\":", std::string(depth, '['), std::string(depth, ']'), "}"});
}

std::string spoil_container(Defect defect, Parts& parts, Draws& draws) {
  const std::string json = parts.header.dump();
  const std::string valid = parts.file();
  switch (defect) {
    case Defect::empty_file:
      return {};
    case Defect::shorter_than_length:
      return valid.substr(0, 1 + draws.below(7));
    case Defect::truncated_header:
      return valid.substr(0, 8 + draws.below(json.size()));
    case Defect::truncated_data:
      return valid.substr(0, valid.size() - 1 - draws.below(parts.data.size()));
    case Defect::data_after_the_end:
      return valid + std::string(1 + draws.below(64), '\0');
    case Defect::header_over_cap:
      return parts.file_with(json, 100'000'001 + draws.below(1000));
    case Defect::header_length_overflows:
      return parts.file_with(json, std::numeric_limits<std::uint64_t>::max() - draws.below(64));
    case Defect::header_not_object:
      return parts.file_with(pick<std::string>(draws, {"null", "1", "\"{}\"", "true"}));
    case Defect::header_begins_with_space:
      return parts.file_with(std::string(1 + draws.below(8), ' ') + json);
    case Defect::header_is_array:
      return parts.file_with(join({"[", json, "]"}));
    case Defect::header_not_json:
      return parts.file_with(
          join({"{", std::string(1 + draws.below(50), pick<char>(draws, {'x', '{'}))}));
    case Defect::header_ends_early:
      return parts.file_with(json.substr(0, 1 + draws.below(json.size() - 1)));
    case Defect::text_after_header:
      return parts.file_with(json + pick<std::string>(draws, {"{}", ",", "}", "x", "1"}));
    case Defect::zero_byte_in_header:
      return parts.file_with(json + '\0' + std::string(draws.below(9), 'x'));
    case Defect::invalid_utf8:
      return parts.file_with("{\"" +
                             pick<std::string>(draws, {"\xFF", "\xC0\x80", "\xED\xA0\x80"}) +
                             "\":" + json + "}");
    default:
      return parts.file_with(json_of_depth(2 + draws.below(200'000)));
  }
}

std::string spoil_keys(Defect defect, Parts& parts, Draws& draws) {
  ordered_json& tensor = parts.any(draws);
  std::string json = parts.header.dump();
  const auto with_first = [&](const std::string& member) {
    return parts.file_with(join({"{", member, ",", json.substr(1)}));
  };
  switch (defect) {
    case Defect::duplicate_tensor:
      return with_first(R"("t0":)" + parts.header["t0"].dump());
    case Defect::duplicate_field:
      return with_first(R"("x":{"dtype":"F32","dtype":"F32","shape":[0],"data_offsets":[0,0]})");
    case Defect::duplicate_metadata_key:
      return with_first(R"("__metadata__":{"a":"1","a":")" + std::to_string(draws.bits()) + "\"}");
    case Defect::metadata_not_object:
      parts.header["__metadata__"] = pick<ordered_json>(draws, {1, "x", nullptr, {1, 2}});
      break;
    case Defect::metadata_value_not_string:
      parts.header["__metadata__"]["k"] = pick<ordered_json>(
          draws, {1, 0.5, nullptr, true, ordered_json::array(), ordered_json::object()});
      break;
    case Defect::unknown_field:
      tensor[pick<std::string>(draws, {"stride", "Shape", ""})] = 1;
      break;
    case Defect::missing_field:
      tensor.erase(pick<std::string>(draws, {"dtype", "shape", "data_offsets"}));
      break;
    case Defect::tensor_not_object:
      tensor = pick<ordered_json>(draws, {1, "F32", nullptr, {1, 2}, false});
      break;
    case Defect::unknown_dtype:
      tensor["dtype"] = pick<std::string>(draws, {"f32", "F33", "", "float32", "F32 "});
      break;
    default:
      tensor["dtype"] = pick<ordered_json>(draws, {32, nullptr, {"F32"}});
  }
  return parts.file();
}

std::string spoil_numbers(Defect defect, Parts& parts, Draws& draws) {
  ordered_json& tensor = parts.any(draws);
  ordered_json& shape = tensor["shape"];
  ordered_json& offsets = tensor["data_offsets"];
  const std::uint64_t side = draws.below(2);
  const std::int64_t some = 1 + static_cast<std::int64_t>(draws.below(1000));
  switch (defect) {
    case Defect::shape_not_array:
      shape = pick<ordered_json>(draws, {4, "4", nullptr, ordered_json::object()});
      break;
    case Defect::negative_dimension:
      shape[side] = -some;
      break;
    case Defect::fractional_dimension:
      shape[side] = 1.5;
      break;
    case Defect::huge_dimension:
      shape[side] = std::numeric_limits<std::uint64_t>::max() - draws.below(1000);
      break;
    case Defect::shape_overflows:
      // the product is zero or small modulo 2^64
      shape = {std::int64_t{1} << (32 + draws.below(31)), std::int64_t{1} << 32, shape[0]};
      break;
    case Defect::shape_disagrees:
      shape[side] = shape[side].get<std::int64_t>() + some;
      break;
    case Defect::too_many_dimensions:
      shape = std::vector<int>(65 + draws.below(100'000), 1);
      break;
    case Defect::nested_shape:
      shape[side] = {shape[side]};
      break;
    case Defect::one_offset:
      offsets.erase(side);
      break;
    case Defect::three_offsets:
      offsets.push_back(offsets[1]);
      break;
    case Defect::offsets_reversed:
      offsets = {offsets[1], offsets[0]};
      break;
    case Defect::offsets_beyond_end:
      offsets[1] = static_cast<std::int64_t>(parts.data.size()) + some;
      break;
    case Defect::offsets_overlap:
      parts.header["u"] = tensor;
      break;
    default:  // offsets_leave_hole: the data of a removed tensor
      parts.header.erase(tensor_name(draws.below(parts.header.size())));
  }
  return parts.file();
}

std::string spoil(Defect defect, Draws& draws) {
  Parts parts = valid_parts(draws);
  if (defect <= Defect::deep_nesting) return spoil_container(defect, parts, draws);
  if (defect <= Defect::dtype_not_string || defect == Defect::tensor_not_object) {
    return spoil_keys(defect, parts, draws);
  }
  return spoil_numbers(defect, parts, draws);
}

class SafetensorsMalformed : public ::testing::TestWithParam<int> {};

TEST_P(SafetensorsMalformed, IsRefused) {
  const auto defect = static_cast<Defect>(GetParam());
  test::expect_refused(
      [&](Draws& draws) { return spoil(defect, draws); },
      [](const std::string& file) { parse_safetensors(test::bytes_of(file), "x.safetensors"); });
}

INSTANTIATE_TEST_SUITE_P(Defects, SafetensorsMalformed,
                         ::testing::Range(0, static_cast<int>(Defect::count)));

TEST(SafetensorsMalformedBase, IsReadWithoutADefect) {
  for (std::uint64_t seed = 0; seed < test::kMalformedSeeds; ++seed) {
    Draws draws = test::draws_of(seed);
    const Parts parts = valid_parts(draws);
    const std::string file = parts.file();
    EXPECT_EQ(parse_safetensors(test::bytes_of(file), "x").tensors.size(), parts.header.size());
  }
}

}  // namespace
}  // namespace convmae
