#include "convmae/data/labels/label_scheme.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data_files.h"
#include <optional>
#include <string>
#include <vector>

namespace convmae {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::int16_t kIgnored = LabelMap::kIgnored;

class LabelSchemeTest : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) const {
    files_.write(name, text);
    return (files_.path() / name).string();
  }

  LabelScheme of_table(const std::string& text, std::vector<std::int64_t> ignored = {}) const {
    LabelSchemeOptions options;
    options.label_map = file("map.csv", text);
    options.ignore_index = std::move(ignored);
    return read_label_scheme(options);
  }

  test::DataDirectory files_;
};

TEST_F(LabelSchemeTest, NamesAndAnOffsetAreClassesSideBySide) {
  LabelSchemeOptions options;
  options.classes = file("names.txt", "# stuff\nwall\r\n\n  sky \ntree");
  options.label_offset = -1;
  options.ignore_index = {0, 255};
  const LabelScheme scheme = read_label_scheme(options);
  EXPECT_EQ(scheme.names(), (std::vector<std::string>{"wall", "sky", "tree"}));
  EXPECT_EQ(scheme.class_of(0), kIgnored);
  EXPECT_EQ(scheme.class_of(1), 0);
  EXPECT_EQ(scheme.class_of(3), 2);
  EXPECT_EQ(scheme.class_of(255), kIgnored);
  for (const std::int64_t id : {-1, 4, 254, 256, 70000}) {
    EXPECT_EQ(scheme.class_of(id), std::nullopt) << id;
  }
  EXPECT_EQ(scheme.id_of(2), 3);
  EXPECT_EQ(scheme.name_of(2), "sky");
  EXPECT_EQ(scheme.name_of(255), "");
}

TEST_F(LabelSchemeTest, TablesSayWhichIdsAreWhichClass) {
  const LabelScheme scheme = of_table(
      "id,class,name\n7,0,road\n8,1,sidewalk\n9,0,parking\n11,ignore,\n12,-1,\n13,,\n", {3});
  EXPECT_EQ(scheme.classes(),
            (std::vector<LabelScheme::Class>{{"road", {7, 9}}, {"sidewalk", {8}}}));
  for (const int id : {11, 12, 13, 3}) EXPECT_EQ(scheme.class_of(id), kIgnored);
  EXPECT_EQ(scheme.id_of(0), 7) << "the first one is written";
}

TEST_F(LabelSchemeTest, TablesOfOthersAreRead) {
  const LabelScheme ade = of_table(
      "Idx\tRatio\tTrain\tVal\tStuff\tName\n1\t0.1576\t11664\t1172\t1\twall\n"
      "2\t0.1072\t6046\t612\t1\tbuilding, edifice\n",
      {0});
  EXPECT_EQ(ade.classes(),
            (std::vector<LabelScheme::Class>{{"wall", {1}}, {"building, edifice", {2}}}));
  const LabelScheme camvid = of_table("name,r,g,b\nAnimal,64,128,64\nArchway,192,0,128\n");
  EXPECT_EQ(camvid.classes(), (std::vector<LabelScheme::Class>{{"Animal", {0}}, {"Archway", {1}}}));
}

TEST_F(LabelSchemeTest, PalettesSayWhatColoursMean) {
  const auto entries = [&](const std::string& text) {
    return read_label_palette(file("palette.csv", text)).entries();
  };
  using Entries = std::vector<LabelPalette::Entry>;
  EXPECT_EQ(entries("name,r,g,b\na,64,128,0\nb,1,2,3\n"),
            (Entries{{{64, 128, 0}, 0}, {{1, 2, 3}, 1}}));
  EXPECT_EQ(entries("id;colour\n500;#0aFF10\n"), (Entries{{{10, 255, 16}, 500}}));
  const auto refuses = [&](const std::string& text, const char* part) {
    EXPECT_THAT([&] { entries(text); },
                ThrowsMessage<UserError>(AllOf(HasSubstr("palette.csv"), HasSubstr(part))));
  };
  refuses("id,name\n1,a\n", "columns red, green and blue");
  refuses("r,g,b\n1,2,256\n", "line 2: expected a part of a colour from 0 to 255, found '256'");
  refuses("r,g,b\n1,2\n", "line 2: expected a part of a colour");
  refuses("colour\nred\n", "line 2: expected a colour as #RRGGBB, found 'red'");
  refuses("r,g,b\n1,2,3\n1,2,3\n", "in a palette, found 1,2,3 twice");
}

TEST_F(LabelSchemeTest, AppliesToEachPixelOnceAndNamesTheFirstUnknownOne) {
  const LabelScheme scheme({{"a", {1, 300}}, {"b", {2}}}, {0});
  Image bytes({2, 3}, 1);
  std::ranges::copy(std::vector<int>{0, 1, 2, 2, 1, 0}, bytes.values<std::uint8_t>().begin());
  LabelMap map;
  scheme.apply(bytes, map);
  EXPECT_EQ(map.classes, (std::vector<std::int16_t>{kIgnored, 0, 1, 1, 0, kIgnored}));
  Image wide({1, 2}, 1, PixelType::uint16);
  wide.values<std::uint16_t>()[0] = 300;
  wide.values<std::uint16_t>()[1] = 2;
  scheme.apply(wide, map);
  EXPECT_EQ(map.classes, (std::vector<std::int16_t>{0, 1}));
  bytes.values<std::uint8_t>()[4] = 17;
  EXPECT_THAT(
      [&] { scheme.apply(bytes, map); },
      ThrowsMessage<UserError>(HasSubstr("the id 17 at row 1, column 1, which is of none of "
                                         "the 2 classes and not ignored")));
  wide.values<std::uint16_t>()[1] = 65535;
  EXPECT_THROW(scheme.apply(wide, map), UserError);
}

TEST_F(LabelSchemeTest, ContradictionsAreErrors) {
  const auto refuses = [](const LabelSchemeOptions& options, const std::string& part) {
    EXPECT_THAT([&] { read_label_scheme(options); }, ThrowsMessage<UserError>(HasSubstr(part)));
  };
  LabelSchemeOptions options;
  refuses(options, "found none: give one");
  options.classes = file("names.txt", "a\nb\n");
  options.label_map = file("map.csv", "id\n1\n");
  refuses(options, "found both: leave one out");
  options.classes.clear();
  options.label_offset = -1;
  refuses(options, "expected no --label_offset beside --label_map");
  options.label_map.clear();
  options.classes = file("names.txt", "a\nb\n");
  options.ignore_index = {1};
  refuses(options, "found 1 twice");
  options.label_offset = 1;
  refuses(options, "ids of labels from 0 to 65535, found -1");
  options.label_offset = 0;
  options.ignore_index = {65536};
  refuses(options, "found 65536");
  options.ignore_index.clear();
  options.classes = file("names.txt", "a\na\n");
  refuses(options, "'a' twice");
  options.classes = file("names.txt", "# nothing\n");
  refuses(options, "a name of a class on each line");
}

TEST_F(LabelSchemeTest, TablesThatMakeNoSenseNameTheLine) {
  const auto refuses = [&](const std::string& text, const char* part) {
    EXPECT_THAT([&] { of_table(text); }, ThrowsMessage<UserError>(HasSubstr(part)));
  };
  refuses("1,2\n3,4\n", "expected a heading such as id,class,name");
  refuses("", "expected a heading");
  refuses("id,class\n", "expected a row for each id");
  refuses("id,class\nx,0\n", "line 2: expected an id from 0 to 65535, found 'x'");
  refuses("id,class\n65536,0\n", "found '65536'");
  refuses("id,class\n1,1.5\n", "line 2: expected the index of a class from 0 to 32766");
  refuses("id,class\n1,0\n2,2\n", "found none for 1: number the classes without gaps");
  refuses("id,class\n1,0\n1,1\n", "found 1 twice");
  refuses("id,class\n1,ignore\n", "expected 1 to 32767 classes of labels, found 0");
}

TEST_F(LabelSchemeTest, ComesBackFromJson) {
  const LabelScheme scheme({{"a \"b\"", {1, 300}}, {"ü", {2}}}, {0, 255},
                           LabelPalette({{{1, 2, 3}, 300}}));
  const LabelScheme back = label_scheme_from_json(to_json(scheme));
  EXPECT_EQ(back.classes(), scheme.classes());
  EXPECT_EQ(back.ignored(), scheme.ignored());
  EXPECT_EQ(back.palette().entries(), scheme.palette().entries());
  const std::string good = R"({"names": ["a"], "ids": [[1]], "ignored": [], "palette": []})";
  EXPECT_NO_THROW(label_scheme_from_json(good));
  for (const char* const bad :
       {"", "[]", R"({"names": ["a"]})",
        R"({"names": ["a", "b"], "ids": [[1]], "ignored": [], "palette": []})",
        R"({"names": ["a"], "ids": [[]], "ignored": [], "palette": []})",
        R"({"names": ["a"], "ids": [[-1]], "ignored": [], "palette": []})",
        R"({"names": ["a"], "ids": [[1]], "ignored": [1], "palette": []})",
        R"({"names": ["a"], "ids": [[1]], "ignored": [], "palette": [[1, 2, 3]]})",
        R"({"names": ["a"], "ids": [[1]], "ignored": [], "palette": [[1, 2, 256, 1]]})",
        R"({"names": ["a"], "ids": [[1]], "ignored": [], "palette": [], "more": 1})"}) {
    EXPECT_THROW(label_scheme_from_json(bad), UserError) << bad;
  }
}

TEST_F(LabelSchemeTest, KnowsTheClassesOfAde20k) {
  LabelSchemeOptions options;
  options.classes =
      (std::filesystem::path(CONVMAE_SOURCE_DIR) / "configs/ade20k_classes.txt").string();
  options.label_offset = -1;
  options.ignore_index = {0, 255};
  const LabelScheme scheme = read_label_scheme(options);
  EXPECT_EQ(scheme.num_classes(), 150);
  EXPECT_EQ(scheme.name_of(1), "wall");
  EXPECT_EQ(scheme.name_of(13), "person");
  EXPECT_EQ(scheme.name_of(150), "flag");
}

}  // namespace
}  // namespace convmae
