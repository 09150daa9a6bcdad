#include "convmae/data/sources/tar.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data_files.h"
#include "tar_builder.h"
#include <algorithm>
#include <string>
#include <vector>

namespace convmae {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;

/// "name: content" of every member of an archive of these bytes.
std::vector<std::string> members(const std::string& bytes) {
  static const DataDirectory directory;
  directory.write("a.tar", bytes);
  TarReader reader(directory.path() / "a.tar");
  std::vector<std::string> found;
  while (const auto member = reader.next()) {
    found.push_back(member->name + ": " + reader.read(*member));
  }
  return found;
}

TEST(Tar, ListsRegularFilesAndNothingElse) {
  const std::string bytes = tar_member("folder/", "", '5') + tar_member("a.jpg", "one") +
                            tar_member("link", "", '2') + tar_member("old/b", "two", '\0') +
                            tar_member("device", "", '3') + tar_member("empty", "") + tar_end();
  EXPECT_THAT(members(bytes), ElementsAre("a.jpg: one", "old/b: two", "empty: "));
}

TEST(Tar, ReadsNamesOfEveryFlavour) {
  TarHeader split{"name.jpg", octal(1, 11)};
  split.prefix = "long/folder";
  TarHeader gnu{"plain", octal(1, 11)};
  gnu.magic = std::string("ustar  \0", 8);
  gnu.prefix = "not a folder";
  TarHeader v7{"ancient", octal(1, 11)};
  v7.magic.clear();
  const std::string long_name(300, 'n');
  const std::string bytes =
      tar_header(split) + padded("1") + tar_header(gnu) + padded("2") + tar_header(v7) +
      padded("3") + tar_member("././@LongLink", long_name + '\0', 'L') + tar_member("cut", "4") +
      tar_member("pax", pax_record("path", "über/" + long_name) + pax_record("mtime", "1.5"), 'x') +
      tar_member("cut", "5") + tar_member("after", "6");
  EXPECT_THAT(members(bytes),
              ElementsAre("long/folder/name.jpg: 1", "plain: 2", "ancient: 3", long_name + ": 4",
                          "über/" + long_name + ": 5", "after: 6"));
}

TEST(Tar, ReadsSizesOfEveryFlavour) {
  std::string binary(12, '\0');
  binary[0] = static_cast<char>(0x80);
  binary[11] = 3;
  const std::string blanks = "      3 ";
  const std::string bytes = tar_header({"binary", binary}) + padded("one") +
                            tar_header({"blanks", blanks}) + padded("two") +
                            tar_member("pax", pax_record("size", "600"), 'x') +
                            tar_header({"pax", octal(0, 11)}) + padded(std::string(600, 'x'));
  EXPECT_THAT(members(bytes),
              ElementsAre("binary: one", "blanks: two", "pax: " + std::string(600, 'x')));
}

TEST(Tar, AnExtendedHeaderHoldsForTheNextMemberOnly) {
  const std::string pax = tar_member("pax", pax_record("path", "folder/"), 'x');
  EXPECT_THAT(members(pax + tar_member("x", "", '5') + tar_member("a", "1")), ElementsAre("a: 1"));
  const std::string global = tar_member("pax", pax_record("comment", "made by hand"), 'g');
  EXPECT_THAT(members(global + tar_member("a", "1")), ElementsAre("a: 1"));
}

TEST(Tar, EndsAtABlockOfZerosOrAtTheFilesEnd) {
  EXPECT_THAT(members(tar_member("a", "1") + tar_end() + "rubbish"), ElementsAre("a: 1"));
  EXPECT_THAT(members(tar_member("a", "1").substr(0, 513)), ElementsAre("a: 1"));
  EXPECT_THAT(members(tar_end()), ElementsAre());
}

struct Defect {
  const char* name;
  std::string bytes;
};

std::vector<Defect> defects() {
  const std::string good = tar_member("a.jpg", std::string(700, 'x'));
  std::string wrong_sum = good;
  wrong_sum[0] = 'b';
  std::string negative(12, '\xFF');
  std::string above_range(12, '\xFF');
  above_range[0] = static_cast<char>(0x80);
  std::string almost_above(12, '\0');
  almost_above[0] = static_cast<char>(0x80);
  almost_above[4] = static_cast<char>(0x7F);
  const auto sized = [](const std::string& size) { return tar_header({"a", size}); };
  const auto pax = [&good](const std::string& records) {
    return tar_member("pax", records, 'x') + good;
  };
  const std::string megabyte(1 << 20, 'n');
  std::string zero_in_name = pax_record("path", "a_b");
  *std::find(zero_in_name.begin(), zero_in_name.end(), '_') = '\0';
  return {
      {"empty", ""},
      {"one byte", "x"},
      {"half a header", good.substr(0, 300)},
      {"text", std::string(2000, 't')},
      {"gzip", "\x1F\x8B" + std::string(2000, '\x08')},
      {"wrong checksum", wrong_sum},
      {"cut off in a member", good.substr(0, 1100)},
      {"cut off in the second header", good + good.substr(0, 100)},
      {"garbage behind a member", good + std::string(512, 'g')},
      {"size behind the end", sized(octal(513, 11)) + std::string(512, 'x')},
      {"size with letters", sized("12ab") + padded("x")},
      {"size with a sign", sized("-1") + padded("x")},
      {"no size", sized("") + padded("x")},
      {"digits eight and nine", sized("00000000089") + padded("x")},
      {"negative binary size", sized(negative) + padded("x")},
      {"binary size above the range", sized(above_range) + padded("x")},
      {"binary size near the range's end", sized(almost_above) + padded("x")},
      {"no name", sized(octal(0, 11)).replace(0, 1, 1, '\0')},
      {"extended header cut off", tar_header({"pax", octal(700, 11), 'x'}) + padded("x")},
      {"extended header of nothing but text", pax("text")},
      {"record without a blank", pax("12345\n")},
      {"record of length zero", pax("0 path=a\n")},
      {"record shorter than its length field", pax("2 path=a\n")},
      {"record longer than the header", pax("99 path=a\n")},
      {"record with a huge length", pax("99999999999999999999 path=a\n")},
      {"record without its newline", pax("8 path=a")},
      {"record without an equals sign", pax("8 patha\n")},
      {"record with a negative size", pax(pax_record("size", "-5"))},
      {"record with a size behind the end", pax(pax_record("size", "99999"))},
      {"record with a size above the range", pax(pax_record("size", "9223372036854775808"))},
      {"record with a size of the range's end", pax(pax_record("size", "9223372036854775807"))},
      {"record with a size in words", pax(pax_record("size", "many"))},
      {"record with a zero in the name", pax(zero_in_name)},
      {"extended header above the limit", pax(pax_record("path", megabyte))},
      {"long name above the limit", tar_member("L", megabyte + "n", 'L') + good},
      {"long name cut off", tar_header({"L", octal(700, 11), 'L'}) + padded("x")},
      {"sparse member", tar_member("a", "x", 'S')},
      {"sparse member in pax", pax(pax_record("GNU.sparse.major", "1"))},
  };
}

TEST(MalformedTar, EveryDefectIsAUserErrorOfOneLine) {
  for (const auto& [name, bytes] : defects()) {
    try {
      members(bytes);
      ADD_FAILURE() << name << ": accepted";
    } catch (const UserError& error) {
      const std::string text = error.what();
      EXPECT_THAT(text, HasSubstr("a.tar'")) << name;
      EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' '; })) << text;
    }
  }
}

TEST(MalformedTar, NoCutAndNoFlippedByteDoesMoreThanAnError) {
  const std::string good = tar_member("pax", pax_record("path", "long"), 'x') +
                           tar_member("a.jpg", "one") + tar_member("././@LongLink", "other", 'L') +
                           tar_member("b", "two");
  const auto survives = [](const std::string& bytes) {
    try {
      return members(bytes).size() <= 3;
    } catch (const UserError&) {
      return true;
    }
  };
  for (std::size_t cut = 0; cut < good.size(); cut += 41) {
    EXPECT_TRUE(survives(good.substr(0, cut))) << cut;
  }
  for (std::size_t at = 0; at < good.size(); at += 17) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 0x81);
    EXPECT_TRUE(survives(changed)) << at;
  }
}

}  // namespace
}  // namespace convmae
