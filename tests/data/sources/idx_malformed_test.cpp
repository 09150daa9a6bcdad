#include "convmae/data/sources/idx_source.h"

#include <gtest/gtest.h>

#include "data_files.h"
#include "deflate.h"
#include "support/bytes.h"
#include "support/malformed.h"
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

namespace convmae {
namespace {

using test::big;
using test::Draws;
using test::kTolerated;
using test::little;

constexpr std::uint64_t kImages = 5;

/// An IDX file in parts, to be spoiled.
struct RawIdx {
  std::uint64_t zero = 0;
  std::uint64_t type = 8;  // unsigned byte
  std::uint64_t rank = 3;
  std::vector<std::uint64_t> sides;
  std::string values;

  std::string file() const {
    std::string file = big(zero, 2) + big(type, 1) + big(rank, 1);
    for (const std::uint64_t side : sides) file += big(side, 4);
    return file + values;
  }
};

RawIdx sound_images(Draws& draws) {
  const std::uint64_t height = 1 + draws.below(28);
  const std::uint64_t width = 1 + draws.below(28);
  return {.sides = {kImages, height, width}, .values = std::string(kImages * height * width, 'v')};
}

RawIdx sound_labels() {
  return {.rank = 1, .sides = {kImages}, .values = std::string("\2\0\1\1\3", kImages)};
}

constexpr std::uint64_t kHasHeaderChecksum = 2;
constexpr std::uint64_t kHasExtraField = 4;
constexpr std::uint64_t kHasName = 8;

/// A gzip file in parts, to be spoiled.
struct RawGzip {
  std::uint64_t magic = 0x1F8B;
  std::uint64_t method = 8;
  std::uint64_t flags = 0;
  std::string options;  ///< the fields that the flags announce
  std::string stream;
  std::uint64_t crc = 0;
  std::uint64_t size = 0;

  explicit RawGzip(const std::string& content)
      : stream(test::deflated(content)), crc(test::crc_of(content)), size(content.size()) {}
  std::string file() const {
    return big(magic, 2) + big(method, 1) + big(flags, 1) + little(0, 6) + options + stream +
           little(crc, 4) + little(size, 4);
  }
};

enum class Defect {
  file_empty,
  magic_cut,
  magic_not_zero,
  type_signed_or_wider,
  type_unknown,
  rank_of_labels,
  rank_zero,
  rank_above_three,
  header_little_endian,
  header_cut,
  no_images,
  no_rows,
  no_columns,
  sides_little_endian,
  sides_beyond_memory,
  sides_overflow,
  more_images_than_data,
  larger_images_than_data,
  data_missing,
  data_cut,
  data_behind_the_end,
  gzip_magic_wrong,
  gzip_header_cut,
  gzip_method_unknown,
  gzip_flags_reserved,
  gzip_extra_field_beyond_the_end,
  gzip_name_not_closed,
  gzip_header_checksum_wrong,
  gzip_empty,
  gzip_block_type_unknown,
  gzip_stored_length_wrong,
  gzip_distance_too_far,
  gzip_stream_cut,
  gzip_checksum_wrong,
  gzip_size_wrong,
  gzip_trailer_cut,
  gzip_of_gzip,
  gzip_data_behind_the_end,
  labels_empty,
  labels_with_header_of_images,
  labels_of_other_type,
  labels_too_few,
  labels_too_many,
  labels_none,
  labels_cut,
  labels_data_behind_the_end,
  labels_gzip_checksum_wrong,
  gzip_garbage_behind_the_end,
};

using enum Defect;
constexpr const char* kDamaged = "is damaged or truncated";
constexpr const char* kOtherHeader = "found another header";
constexpr const char* kSize = "states an impossible size";
constexpr const char* kMoreData = "holds more data than its header states";
constexpr test::Expectation<Defect> kDefects[] = {
    {file_empty, "file_empty", kDamaged},
    {magic_cut, "magic_cut", kDamaged},
    {magic_not_zero, "magic_not_zero", kOtherHeader},
    {type_signed_or_wider, "type_signed_or_wider", kOtherHeader},
    {type_unknown, "type_unknown", kOtherHeader},
    {rank_of_labels, "rank_of_labels", kOtherHeader},
    {rank_zero, "rank_zero", kOtherHeader},
    {rank_above_three, "rank_above_three", kOtherHeader},
    {header_little_endian, "header_little_endian", kOtherHeader},
    {header_cut, "header_cut", kDamaged},
    {no_images, "no_images", kSize},
    {no_rows, "no_rows", kSize},
    {no_columns, "no_columns", kSize},
    {sides_little_endian, "sides_little_endian", kSize},
    {sides_beyond_memory, "sides_beyond_memory", kSize},
    {sides_overflow, "sides_overflow", kSize},
    {more_images_than_data, "more_images_than_data", kDamaged},
    {larger_images_than_data, "larger_images_than_data", kDamaged},
    {data_missing, "data_missing", kDamaged},
    {data_cut, "data_cut", kDamaged},
    {data_behind_the_end, "data_behind_the_end", kMoreData},
    {gzip_magic_wrong, "gzip_magic_wrong", kOtherHeader},
    {gzip_header_cut, "gzip_header_cut", kDamaged},
    {gzip_method_unknown, "gzip_method_unknown", kDamaged},
    {gzip_flags_reserved, "gzip_flags_reserved", kDamaged},
    {gzip_extra_field_beyond_the_end, "gzip_extra_field_beyond_the_end", kDamaged},
    {gzip_name_not_closed, "gzip_name_not_closed", kDamaged},
    {gzip_header_checksum_wrong, "gzip_header_checksum_wrong", kDamaged},
    {gzip_empty, "gzip_empty", kDamaged},
    {gzip_block_type_unknown, "gzip_block_type_unknown", kDamaged},
    {gzip_stored_length_wrong, "gzip_stored_length_wrong", kDamaged},
    {gzip_distance_too_far, "gzip_distance_too_far", kDamaged},
    {gzip_stream_cut, "gzip_stream_cut", kDamaged},
    {gzip_checksum_wrong, "gzip_checksum_wrong", kDamaged},
    {gzip_size_wrong, "gzip_size_wrong", kDamaged},
    {gzip_trailer_cut, "gzip_trailer_cut", kDamaged},
    {gzip_of_gzip, "gzip_of_gzip", kOtherHeader},
    {gzip_data_behind_the_end, "gzip_data_behind_the_end", kMoreData},
    {labels_empty, "labels_empty", kDamaged},
    {labels_with_header_of_images, "labels_with_header_of_images", kOtherHeader},
    {labels_of_other_type, "labels_of_other_type", kOtherHeader},
    {labels_too_few, "labels_too_few", "expected 5 labels"},
    {labels_too_many, "labels_too_many", "expected 5 labels"},
    {labels_none, "labels_none", kSize},
    {labels_cut, "labels_cut", kDamaged},
    {labels_data_behind_the_end, "labels_data_behind_the_end", kMoreData},
    {labels_gzip_checksum_wrong, "labels_gzip_checksum_wrong", kDamaged},
    {gzip_garbage_behind_the_end, "gzip_garbage_behind_the_end", kTolerated},
};

/// One of the types of the format that are no unsigned bytes.
std::uint64_t other_type(Draws& draws) {
  constexpr std::uint64_t kTypes[] = {9, 11, 12, 13, 14};
  return kTypes[draws.below(std::size(kTypes))];
}

std::string spoil_images(Defect defect, Draws& draws) {
  RawIdx idx = sound_images(draws);
  const std::uint64_t some = 1 + draws.below(1000);
  switch (defect) {
    case file_empty:
      return {};
    case magic_cut:
      return idx.file().substr(0, 1 + draws.below(3));
    case magic_not_zero:
      idx.zero = some;
      break;
    case type_signed_or_wider:
      idx.type = other_type(draws);
      break;
    case type_unknown:
      idx.type = draws.below(2) == 0 ? draws.below(8) : 15 + draws.below(200);
      break;
    case rank_of_labels:
      return sound_labels().file();
    case rank_zero:
      idx.rank = 0;
      break;
    case rank_above_three:
      idx.rank = 4 + draws.below(252);
      idx.sides.resize(idx.rank, 1);
      break;
    case header_little_endian: {
      const std::string file = idx.file();
      return std::string(file.rend() - 4, file.rend()) + file.substr(4);
    }
    case header_cut:
      return idx.file().substr(0, 4 + draws.below(12));
    case no_images:
    case no_rows:
    case no_columns:
      idx.sides[static_cast<std::size_t>(defect) - static_cast<std::size_t>(no_images)] = 0;
      break;
    case sides_little_endian:
      for (std::uint64_t& side : idx.sides) side <<= 24;
      break;
    case sides_beyond_memory:
      idx.sides = {(1 << 10) + some, 1 << 10, 1 << 10};
      break;
    case sides_overflow:
      // the product is zero modulo 2^64
      idx.sides = {std::uint64_t{1} << 31, std::uint64_t{1} << 31, 4 * some};
      break;
    case more_images_than_data:
      idx.sides[0] += draws.below(2) == 0 ? some : 10'000;
      break;
    case larger_images_than_data:
      idx.sides[1 + draws.below(2)] += some;
      break;
    case data_missing:
      idx.values.clear();
      break;
    case data_cut:
      idx.values.resize(draws.below(idx.values.size()));
      break;
    default:  // data_behind_the_end
      idx.values += std::string(some, 'x');
  }
  return idx.file();
}

std::string spoil_gzip(Defect defect, Draws& draws) {
  const std::string content = sound_images(draws).file();
  RawGzip gzip(content);
  const std::uint64_t some = 1 + draws.below(1000);
  switch (defect) {
    case gzip_magic_wrong:
      gzip.magic = draws.below(2) == 0 ? 0x1F8C : 0x1E8B;
      break;
    case gzip_header_cut:
      return gzip.file().substr(0, 4 + draws.below(6));
    case gzip_method_unknown:
      gzip.method = draws.below(2) == 0 ? draws.below(8) : 9 + draws.below(200);
      break;
    case gzip_flags_reserved:
      gzip.flags = 32U << draws.below(3);
      break;
    case gzip_extra_field_beyond_the_end:
      gzip.flags = kHasExtraField;
      gzip.options = little(60'000 + some, 2);
      break;
    case gzip_name_not_closed:
      gzip.flags = kHasName;
      return gzip.file().substr(0, 10) + std::string(some, 'n');
    case gzip_header_checksum_wrong:
      gzip.flags = kHasHeaderChecksum;
      gzip.options = little((test::crc_of(gzip.file().substr(0, 10)) ^ some) & 0xFFFF, 2);
      break;
    case gzip_empty:
      return RawGzip("").file();
    case gzip_block_type_unknown:
      gzip.stream[0] = static_cast<char>(6 + draws.below(2));
      break;
    case gzip_stored_length_wrong:
      test::flip_bits(gzip.stream[1], 1 + draws.below(255));
      break;
    case gzip_distance_too_far:
      // fixed codes: a copy of 3 bytes from before the beginning
      gzip.stream = std::string("\x03\x02\x00", 3) + gzip.stream;
      break;
    case gzip_stream_cut:
      return gzip.file().substr(0, 11 + draws.below(gzip.stream.size() - 1));
    case gzip_checksum_wrong:
      gzip.crc ^= some;
      break;
    case gzip_size_wrong:
      gzip.size += some;
      break;
    case gzip_trailer_cut: {
      const std::string file = gzip.file();
      return file.substr(0, file.size() - 1 - draws.below(8));
    }
    case gzip_of_gzip:
      return RawGzip(gzip.file()).file();
    case gzip_data_behind_the_end:
      return RawGzip(content + std::string(some, 'x')).file();
    default:  // gzip_garbage_behind_the_end
      return gzip.file() + std::string(some, 'x');
  }
  return gzip.file();
}

std::string spoil_labels(Defect defect, Draws& draws) {
  RawIdx idx = sound_labels();
  const std::uint64_t some = 1 + draws.below(1000);
  switch (defect) {
    case labels_empty:
      return {};
    case labels_with_header_of_images:
      return sound_images(draws).file();
    case labels_of_other_type:
      idx.type = other_type(draws);
      break;
    case labels_too_few:
    case labels_too_many:
      idx.sides[0] = defect == labels_too_few ? 1 + draws.below(kImages - 1) : kImages + some;
      idx.values = std::string(idx.sides[0], '\1');
      break;
    case labels_none:
      idx.sides[0] = 0;
      break;
    case labels_cut:
      idx.values.resize(draws.below(kImages));
      break;
    case labels_data_behind_the_end:
      idx.values += std::string(some, '\1');
      break;
    default: {  // labels_gzip_checksum_wrong
      RawGzip gzip(idx.file());
      gzip.crc ^= some;
      return gzip.file();
    }
  }
  return idx.file();
}

bool is_of_labels(Defect defect) {
  return defect >= labels_empty && defect <= labels_gzip_checksum_wrong;
}

class IdxMalformedBase : public testing::Test {
 protected:
  void read() const {
    const auto source = open_idx(directory_.path() / "train-images-idx3-ubyte");
    std::vector<std::uint8_t> image;
    for (std::int64_t i = 0; i < source->size(); ++i) source->read(i, image);
  }
  // zlib looks into a file, not at its name, to see whether it is compressed
  void write_images(const std::string& file) { directory_.write("train-images-idx3-ubyte", file); }
  void write_labels(const std::string& file) { directory_.write("train-labels-idx1-ubyte", file); }

 private:
  test::DataDirectory directory_;
};

class IdxMalformed : public IdxMalformedBase,
                     public testing::WithParamInterface<test::Expectation<Defect>> {};

TEST_P(IdxMalformed, IsTakenAsStated) {
  const Defect defect = GetParam().defect;
  const auto make = [&](Draws& draws) {
    if (!is_of_labels(defect)) {
      return defect < gzip_magic_wrong ? spoil_images(defect, draws) : spoil_gzip(defect, draws);
    }
    write_images(sound_images(draws).file());
    return spoil_labels(defect, draws);
  };
  test::expect_as_stated<Defect>(GetParam(), make, [&](const std::string& file) {
    is_of_labels(defect) ? write_labels(file) : write_images(file);
    read();
  });
}

INSTANTIATE_TEST_SUITE_P(Defects, IdxMalformed, testing::ValuesIn(kDefects), test::NameOfDefect{});

TEST_F(IdxMalformedBase, IsReadWithoutADefect) {
  test::expect_tolerated(
      [](Draws& draws) {
        const std::string images = sound_images(draws).file();
        return draws.below(2) == 0 ? images : RawGzip(images).file();
      },
      [&](const std::string& file) {
        write_images(file);
        write_labels(sound_labels().file());
        read();
      });
}

}  // namespace
}  // namespace convmae
