#include "convmae/io/pth/pth.h"

#include <gtest/gtest.h>

#include "pickle_defects.h"
#include "raw_pickle.h"
#include "support/bytes.h"
#include "support/malformed.h"
#include "test_files.h"

namespace convmae {
namespace {

using test::Draws;
using test::join;
using test::little;
using test::pickle_int;
using test::pickle_text;

void read(const std::string& file) { parse_pth(test::bytes_of(file), "x.pth"); }

/// A file in pieces, to be spoiled.
struct Legacy {
  std::string magic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
  std::string version = join({"\x80\x02", pickle_int(1001), "."});
  std::string system = join({"\x80\x02}", pickle_text("little_endian"), "\x88s."});
  std::string pickle = test::RawCheckpoint().pickle();
  std::string keys = join({"\x80\x02](", pickle_text("0"), "e."});
  std::string numel = little(4, 8);
  std::string data = std::string(16, 's');

  std::string file() const { return magic + version + system + pickle + keys + numel + data; }
};

enum class Defect {
  truncated,
  data_after_the_end,
  magic_wrong,
  magic_not_a_number,
  only_a_pickle,
  version_wrong,
  version_not_a_number,
  system_missing,
  system_not_a_dict,
  big_endian,
  keys_not_a_list,
  key_not_text,
  key_unknown,
  key_missing,
  key_twice,
  numel_differs,
  numel_negative,
  numel_huge,
  data_too_short,
  data_too_long,
  hostile_first_pickle,
  count
};

std::string spoil_begin(Defect defect, Legacy& file, Draws& draws) {
  switch (defect) {
    case Defect::magic_wrong:
      test::flip_bits(file.magic[4 + draws.below(10)], 1 + draws.below(255));
      break;
    case Defect::magic_not_a_number:
      file.magic = draws.below(2) == 0 ? "\x80\x02N." : "\x80\x02}.";
      break;
    case Defect::only_a_pickle:
      return file.pickle;
    case Defect::version_wrong:
      file.version =
          join({"\x80\x02", pickle_int(static_cast<std::int64_t>(draws.below(1001))), "."});
      break;
    case Defect::version_not_a_number:
      file.version = draws.below(2) == 0 ? "\x80\x02N." : "\x80\x02].";
      break;
    case Defect::system_missing:
      file.system.clear();
      break;
    case Defect::system_not_a_dict:
      file.system = draws.below(2) == 0 ? "\x80\x02]." : "\x80\x02}.";
      break;
    case Defect::big_endian:
      file.system = join(
          {"\x80\x02}", pickle_text("little_endian"), draws.below(2) == 0 ? "\x89s." : "K\x01s."});
      break;
    default:  // hostile_first_pickle
      file.magic =
          join({"\x80\x02", test::pickle_global("os", "system"), pickle_text("true"), "\x85R."});
  }
  return file.file();
}

std::string spoil_end(Defect defect, Legacy& file, Draws& draws) {
  const std::uint64_t some = 1 + draws.below(1000);
  const std::string valid = file.file();
  switch (defect) {
    case Defect::truncated:
      return valid.substr(0, 1 + draws.below(valid.size() - 1));
    case Defect::data_after_the_end:
    case Defect::data_too_long:
      return valid + std::string(some, 'x');
    case Defect::keys_not_a_list:
      file.keys = draws.below(2) == 0 ? "\x80\x02N." : join({"\x80\x02", pickle_text("0"), "."});
      break;
    case Defect::key_not_text:
      file.keys = draws.below(2) == 0 ? "\x80\x02](Ne."
                                      : "\x80\x02](K\x01"
                                        "e.";
      break;
    case Defect::key_unknown:
      file.keys = join({"\x80\x02](", pickle_text(std::to_string(some)), "e."});
      break;
    case Defect::key_missing:
      file.keys = "\x80\x02].";
      break;
    case Defect::key_twice:
      file.keys = join({"\x80\x02](", pickle_text("0"), pickle_text("0"), "e."});
      file.data += file.numel + file.data;
      break;
    case Defect::numel_differs:
      file.numel = little(4 + some, 8);
      file.data.resize(16 + 4 * some);
      break;
    case Defect::numel_negative:
      file.numel = little(0 - some, 8);
      break;
    case Defect::numel_huge:
      file.numel = little(std::uint64_t{1} << (3 + draws.below(60)), 8);
      break;
    default:  // data_too_short
      file.data.resize(draws.below(16));
  }
  return file.file();
}

bool is_at_begin(Defect defect) {
  return (defect >= Defect::magic_wrong && defect <= Defect::big_endian) ||
         defect == Defect::hostile_first_pickle;
}

class PthLegacyMalformed : public ::testing::TestWithParam<int> {};

TEST_P(PthLegacyMalformed, IsRefused) {
  const auto defect = static_cast<Defect>(GetParam());
  test::expect_refused(
      [&](Draws& draws) {
        Legacy file;
        return is_at_begin(defect) ? spoil_begin(defect, file, draws)
                                   : spoil_end(defect, file, draws);
      },
      read);
}

INSTANTIATE_TEST_SUITE_P(Defects, PthLegacyMalformed,
                         ::testing::Range(0, static_cast<int>(Defect::count)));

class PthLegacyMalformedPickle : public ::testing::TestWithParam<int> {};

TEST_P(PthLegacyMalformedPickle, IsRefused) {
  const auto defect = static_cast<test::PickleDefect>(GetParam());
  test::expect_refused(
      [&](Draws& draws) {
        Legacy file;
        file.pickle = test::spoiled_pickle(defect, draws);
        return file.file();
      },
      read);
}

INSTANTIATE_TEST_SUITE_P(Defects, PthLegacyMalformedPickle,
                         ::testing::Range(0, static_cast<int>(test::PickleDefect::count)));

TEST(PthLegacyMalformedBase, IsReadWithoutADefect) { EXPECT_NO_THROW(read(Legacy().file())); }

}  // namespace
}  // namespace convmae
