#include "convmae/io/pth/pth.h"

#include <gtest/gtest.h>

#include "pickle_defects.h"
#include "raw_pickle.h"
#include "raw_zip.h"
#include "support/bytes.h"
#include "support/malformed.h"
#include "test_files.h"

namespace convmae {
namespace {

using test::Draws;
using test::RawMember;
using test::RawZip;

void read(const std::string& file) { parse_pth(test::bytes_of(file), "x.pth"); }

RawZip valid_zip(const std::string& pickle = test::RawCheckpoint().pickle()) {
  RawZip zip;
  zip.members.push_back({.name = "x/data.pkl", .data = pickle});
  zip.members.push_back({.name = "x/byteorder", .data = "little"});
  zip.members.push_back({.name = "x/data/0", .data = std::string(16, 's')});
  zip.members.push_back({.name = "x/version", .data = "3\n"});
  return zip;
}

enum class Defect {
  empty,
  other_kind_of_file,
  truncated,
  data_after_the_end,
  no_end_record,
  directory_elsewhere,
  directory_size_wrong,
  too_many_members_announced,
  too_few_members_announced,
  central_header_broken,
  local_header_broken,
  compressed,
  encrypted,
  sizes_differ,
  local_name_differs,
  local_size_differs,
  member_beyond_end,
  offset_beyond_end,
  members_overlap,
  duplicate_member,
  zip64_locator_astray,
  zip64_record_broken,
  zip64_record_disagrees,
  no_pickle,
  two_pickles,
  torchscript,
  big_endian,
  data_after_pickle,
  empty_pickle,
  storage_missing,
  storage_too_short,
  storage_too_long,
  storage_under_other_folder,
  count
};

std::string spoil_directory(Defect defect, RawZip& zip, Draws& draws) {
  const std::string valid = zip.file();
  const auto some = static_cast<std::uint32_t>(1 + draws.below(1000));
  const auto body = static_cast<std::uint32_t>(valid.find("PK\x01\x02"));
  switch (defect) {
    case Defect::empty:
      return {};
    case Defect::other_kind_of_file:
      return std::string(1, static_cast<char>(draws.below(128))) + valid;
    case Defect::truncated:
      return valid.substr(0, 1 + draws.below(valid.size() - 1));
    case Defect::data_after_the_end:
      return valid + std::string(some, 'x');
    case Defect::no_end_record:
      zip.end_signature = "PK\x05\x07";
      break;
    case Defect::directory_elsewhere:
      zip.directory_offset = draws.below(2) == 0 ? body + some : body - some % body;
      if (zip.directory_offset == body) zip.directory_offset = 0;
      break;
    case Defect::directory_size_wrong:
      zip.directory_size = static_cast<std::uint32_t>(valid.size() - 22 - body) + some;
      break;
    case Defect::too_many_members_announced:
      zip.member_count = static_cast<std::uint16_t>(4 + some);
      break;
    case Defect::too_few_members_announced:
      zip.member_count = static_cast<std::uint16_t>(draws.below(4));
      break;
    case Defect::zip64_locator_astray:
      zip.before_end = "PK\x06\x07" + test::little(0, 4) +
                       test::little(valid.size() - 22 + some - 500, 8) + test::little(1, 4);
      break;
    case Defect::zip64_record_broken:
    default: {  // zip64_record_disagrees
      const bool broken = defect == Defect::zip64_record_broken;
      const std::uint64_t size = valid.size() - 22 - body;
      const std::string record = (broken ? "PK\x06\x05" : "PK\x06\x06") + test::little(44, 8) +
                                 test::little(0, 12) + test::little(4, 8) +
                                 test::little(broken ? 4 : 4 + some, 8) + test::little(size, 8) +
                                 test::little(body, 8);
      zip.before_end = record + "PK\x06\x07" + test::little(0, 4) + test::little(body + size, 8) +
                       test::little(1, 4);
    }
  }
  return zip.file();
}

std::string spoil_member(Defect defect, RawZip& zip, Draws& draws) {
  RawMember& any = zip.members[draws.below(zip.members.size())];
  const auto some = static_cast<std::uint32_t>(1 + draws.below(1000));
  switch (defect) {
    case Defect::central_header_broken:
      test::flip_bits(any.central_signature[draws.below(4)], 1 + draws.below(100));
      break;
    case Defect::local_header_broken:
      // the first signature makes it a ZIP file
      test::flip_bits(zip.members[1 + draws.below(3)].local_signature[draws.below(4)],
                      1 + draws.below(100));
      break;
    case Defect::compressed:
      any.method = static_cast<std::uint16_t>(some);
      break;
    case Defect::encrypted:
      any.flags = 1;
      break;
    case Defect::sizes_differ:
      any.stored_size = static_cast<std::uint32_t>(any.data.size()) + some;
      break;
    case Defect::local_name_differs:
      any.local_name = any.name;
      any.local_name->back() ^= 1;
      break;
    case Defect::local_size_differs:
      any.local_size = static_cast<std::uint32_t>(any.data.size()) + some;
      break;
    case Defect::member_beyond_end:
      any.size = static_cast<std::uint32_t>(any.data.size()) + 4000 + some;
      any.local_size = any.size;
      break;
    case Defect::offset_beyond_end:
      any.offset = 100'000 + some;
      break;
    case Defect::members_overlap: {
      // a member whose header and data lie inside the data of another
      const std::string inner = "PK\x03\x04" + test::little(20, 2) + test::little(0, 12) +
                                test::little(2, 4) + test::little(2, 4) + test::little(3, 2) +
                                test::little(0, 2) + "x/iok";
      const std::string padding(draws.below(50), 'p');
      const auto begin = static_cast<std::uint32_t>(valid_zip().file().find("PK\x01\x02"));
      zip.members.push_back({.name = "x/o", .data = padding + inner});
      RawMember second{.name = "x/i", .data = "ok"};
      second.offset = begin + 30 + 3 + static_cast<std::uint32_t>(padding.size());
      zip.members.push_back(second);
      break;
    }
    default:  // duplicate_member
      zip.members.push_back(any);
  }
  return zip.file();
}

std::string spoil_content(Defect defect, RawZip& zip, Draws& draws) {
  RawMember& pickle = zip.members[0];
  RawMember& storage = zip.members[2];
  const std::uint64_t some = 1 + draws.below(1000);
  switch (defect) {
    case Defect::no_pickle:
      pickle.name = draws.below(2) == 0 ? "data.pkl" : "x/data.pk";
      break;
    case Defect::two_pickles:
      zip.members.push_back({.name = "y/data.pkl", .data = pickle.data});
      break;
    case Defect::torchscript:
      zip.members.push_back({.name = "x/constants.pkl", .data = "\x80\x02N."});
      break;
    case Defect::big_endian:
      zip.members[1].data = draws.below(2) == 0 ? "big" : "";
      break;
    case Defect::data_after_pickle:
      pickle.data += std::string(some, 'N');
      break;
    case Defect::empty_pickle:
      pickle.data.clear();
      break;
    case Defect::storage_missing:
      storage.name = "x/data/" + std::to_string(some);
      break;
    case Defect::storage_too_short:
      storage.data.resize(draws.below(16));
      break;
    case Defect::storage_too_long:
      storage.data.resize(16 + some);
      break;
    default:  // storage_under_other_folder
      storage.name = draws.below(2) == 0 ? "y/data/0" : "x/data/../data/0";
  }
  return zip.file();
}

std::string spoil(Defect defect, Draws& draws) {
  RawZip zip = valid_zip();
  if (defect >= Defect::no_pickle) return spoil_content(defect, zip, draws);
  const bool directory =
      defect <= Defect::too_few_members_announced || defect >= Defect::zip64_locator_astray;
  return directory ? spoil_directory(defect, zip, draws) : spoil_member(defect, zip, draws);
}

class PthZipMalformed : public ::testing::TestWithParam<int> {};

TEST_P(PthZipMalformed, IsRefused) {
  const auto defect = static_cast<Defect>(GetParam());
  test::expect_refused([&](Draws& draws) { return spoil(defect, draws); }, read);
}

INSTANTIATE_TEST_SUITE_P(Defects, PthZipMalformed,
                         ::testing::Range(0, static_cast<int>(Defect::count)));

class PthZipMalformedPickle : public ::testing::TestWithParam<int> {};

TEST_P(PthZipMalformedPickle, IsRefused) {
  const auto defect = static_cast<test::PickleDefect>(GetParam());
  test::expect_refused(
      [&](Draws& draws) { return valid_zip(test::spoiled_pickle(defect, draws)).file(); }, read);
}

INSTANTIATE_TEST_SUITE_P(Defects, PthZipMalformedPickle,
                         ::testing::Range(0, static_cast<int>(test::PickleDefect::count)));

TEST(PthZipMalformedBase, IsReadWithoutADefect) { EXPECT_NO_THROW(read(valid_zip().file())); }

TEST(PthZipMalformedBase, IsReadWithZip64RecordsThatAgree) {
  RawZip zip = valid_zip();
  const std::string plain = zip.file();
  const std::size_t body = plain.find("PK\x01\x02");
  const std::uint64_t size = plain.size() - 22 - body;
  zip.before_end = "PK\x06\x06" + test::little(44, 8) + test::little(0, 12) + test::little(4, 8) +
                   test::little(4, 8) + test::little(size, 8) + test::little(body, 8) +
                   "PK\x06\x07" + test::little(0, 4) + test::little(body + size, 8) +
                   test::little(1, 4);
  EXPECT_NO_THROW(read(zip.file()));
}

// Files that are valid to the last byte, but only ask for more and more.
TEST(PthZipExhaustion, IsRefusedWithinTheBudget) {
  const auto refused = [](const std::string& pickle) {
    test::expect_refused([&](Draws& /*draws*/) { return valid_zip(pickle).file(); }, read, "", 1);
  };
  constexpr std::size_t kMany = 6'000'000;
  std::string pairs;
  for (std::size_t i = 0; i < kMany / 2; ++i) pairs += "N0";
  refused("\x80\x02" + pairs + "N.");                          // opcodes
  refused("\x80\x02" + std::string(kMany / 2, '}') + "t.");    // objects
  refused("\x80\x02" + std::string(kMany / 2, '(') + "t.");    // marks
  refused("\x80\x02](" + std::string(kMany / 2, 'N') + "e.");  // items of a list
  refused("\x80\x02" + std::string(kMany / 2, 'N') + "t.");    // the stack
}

}  // namespace
}  // namespace convmae
