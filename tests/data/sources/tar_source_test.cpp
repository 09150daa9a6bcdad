#include "convmae/data/sources/tar_source.h"

#include "convmae/base/error.h"
#include "convmae/data/batch_plan.h"
#include "convmae/data/loader.h"
#include "convmae/data/sources/image_subset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data_files.h"
#include "tar_builder.h"
#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace convmae {
namespace {

using test::DataDirectory;
using test::tar_end;
using test::tar_member;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

std::string picture() {
  std::ifstream file(std::filesystem::path(CONVMAE_SOURCE_DIR) / "tests/data/images/baseline.jpg",
                     std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <typename Function>
std::string error_of(const Function& function) {
  try {
    function();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ExpandBraces, GivesEveryName) {
  EXPECT_THAT(expand_braces("plain.tar"), ElementsAre("plain.tar"));
  EXPECT_THAT(expand_braces("t-{08..11}.tar"),
              ElementsAre("t-08.tar", "t-09.tar", "t-10.tar", "t-11.tar"));
  EXPECT_THAT(expand_braces("{8..10}"), ElementsAre("8", "9", "10"));
  EXPECT_THAT(expand_braces("{a,b}/{0..1}.tar"),
              ElementsAre("a/0.tar", "a/1.tar", "b/0.tar", "b/1.tar"));
  EXPECT_EQ(expand_braces("train-{000000..001281}.tar").size(), 1282U);
  EXPECT_EQ(expand_braces("train-{000000..001281}.tar").back(), "train-001281.tar");
}

TEST(ExpandBraces, RefusesPatternsThatMeanNothing) {
  for (const char* pattern : {"a{0..1", "a}0", "{0..{1..2}}", "{5..2}", "{a..c}", "{0..9999999}",
                              "{0..9999}{0..9999}", "{0..99999999999999999999}"}) {
    EXPECT_THAT(error_of([&] { expand_braces(pattern); }), HasSubstr("expected a pattern"))
        << pattern;
  }
}

std::vector<std::int64_t> labels(const ImageSource& source) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < source.size(); ++i) labels.push_back(source.label(i));
  return labels;
}

TEST(Shards, SamplesAreMembersThatShareAName) {
  DataDirectory directory;
  const std::string jpeg = picture();
  directory.write("s-0.tar", tar_member("x/a.cls", "7\n") + tar_member("x/a.jpg", jpeg) +
                                 tar_member("x/a.json", R"({"label": 3})") +
                                 tar_member("x/b.JPEG", jpeg) +
                                 tar_member("x/b.json", R"({"label": 2, "text": "b"})") +
                                 tar_member("x/only.cls", "1") + tar_end());
  directory.write("s-1.tar", tar_member("x.y/c.d.png", jpeg) + tar_member("x.y/c.cls", "0"));
  const auto source = open_source(directory.path() / "s-{0..1}.tar", Split::train);
  ASSERT_EQ(source->size(), 3);
  EXPECT_THAT(source->name(0), EndsWith("s-0.tar:'x/a.jpg'"));
  EXPECT_THAT(source->classes(), ElementsAre("0", "2", "7"));
  EXPECT_EQ(source->label(0), 2);
  EXPECT_EQ(source->label(1), 1);
  EXPECT_EQ(source->label(2), 0);
  EXPECT_THAT(source->description(), HasSubstr("2 shards"));
  std::vector<std::uint8_t> bytes;
  source->read(1, bytes);
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), jpeg);
}

TEST(Shards, LabelsMayBeLargeAndSparse) {
  DataDirectory directory;
  const std::string jpeg = picture();
  directory.write("s.tar", tar_member("a.cls", "16777215") + tar_member("a.jpg", jpeg) +
                               tar_member("b.cls", "9223372036854775807") +
                               tar_member("b.jpg", jpeg) + tar_member("c.jpg", jpeg) +
                               tar_member("c.json", R"({"label": 18446744073709551615})") +
                               tar_member("d.cls", "-3") + tar_member("d.jpg", jpeg));
  const auto source = open_source(directory.path() / "s.tar", Split::train);
  EXPECT_FALSE(source->has_numbered_classes()) << "one is beyond 64 bits: all are text";
  EXPECT_THAT(source->classes(),
              ElementsAre("-3", "16777215", "18446744073709551615", "9223372036854775807"));
  EXPECT_THAT(labels(*source), ElementsAre(1, 3, 2, 0));
  directory.write("n.tar", tar_member("a.cls", "16777215") + tar_member("a.jpg", jpeg) +
                               tar_member("b.json", R"({"label": 9223372036854775807})") +
                               tar_member("b.jpg", jpeg) + tar_member("c.jpg", jpeg) +
                               tar_member("c.json", R"({"label": "0012"})"));
  const auto numbers = open_source(directory.path() / "n.tar", Split::train);
  EXPECT_TRUE(numbers->has_numbered_classes());
  EXPECT_THAT(numbers->classes(), ElementsAre("12", "16777215", "9223372036854775807"));
  EXPECT_THAT(labels(*numbers), ElementsAre(1, 2, 0));
}

TEST(Shards, WhatNamesNoClassIsNoLabel) {
  DataDirectory directory;
  const std::string jpeg = picture();
  std::string members;
  int number = 0;
  const auto add = [&](const std::string& ending, const std::string& text) {
    const std::string key = "x" + std::to_string(number++);
    members += tar_member(key + ".jpg", jpeg) + tar_member(key + ending, text);
  };
  for (const char* value : {"null", "0.5", "[3]", "{}", R"("")", R"("a\nb")", "1e300"}) {
    add(".json", std::string(R"({"label": )") + value + "}");
  }
  add(".cls", "");
  add(".cls", "3\n5");
  add(".cls", std::string(2000, 'x'));
  add(".json", R"({"label": null, "cls": true})");
  directory.write("s.tar", members);
  const auto source = open_source(directory.path() / "s.tar", Split::train);
  EXPECT_THAT(source->classes(), ElementsAre("true"));
  std::vector<std::int64_t> expected(10, ImageSource::kNoLabel);
  expected.push_back(0);
  EXPECT_EQ(labels(*source), expected);
}

TEST(Shards, AFolderOfArchivesIsShardsAndAFolderWithImagesIsNot) {
  DataDirectory directory;
  directory.write("b.tar", tar_member("1.jpg", picture()));
  directory.write("a.tar", tar_member("2.jpg", picture()));
  directory.write("notes.txt", "text");
  const auto source = open_source(directory.path(), Split::train);
  EXPECT_THAT(source->name(0), EndsWith("a.tar:'2.jpg'"));
  EXPECT_EQ(source->label(0), ImageSource::kNoLabel);
  EXPECT_TRUE(source->classes().empty());
  directory.add("class/image.jpg");
  EXPECT_THAT(open_source(directory.path(), Split::train)->name(0), EndsWith("class/image.jpg"));
}

TEST(Shards, WhatIsMissingOrEmptyIsAnError) {
  DataDirectory directory;
  directory.write("0.tar", tar_member("1.jpg", picture()));
  directory.write("none.tar", tar_member("1.cls", "1"));
  const auto open = [&](const std::string& name) {
    return error_of([&] { open_source(directory.path() / name, Split::train); });
  };
  EXPECT_THAT(open("{0..1}.tar"), HasSubstr("1.tar': No such file"));
  EXPECT_THAT(open("none.tar"), HasSubstr("no images in the archive"));
}

TransformConfig tiny_crops() {
  TransformConfig config;
  config.output = {4, 4};
  return config;
}

TEST(Shards, DamagedImagesAreBadSamplesAndThoseWithoutAProperLabelAreCounted) {
  DataDirectory directory;
  const std::string jpeg = picture();
  std::string bytes;
  for (int i = 0; i < 40; ++i) {
    bytes +=
        tar_member(std::to_string(i) + ".jpg", jpeg) + tar_member(std::to_string(i) + ".cls", "1");
  }
  bytes += tar_member("cut.jpg", jpeg.substr(0, 200)) + tar_member("cut.cls", "1");
  bytes += tar_member("word.jpg", jpeg) + tar_member("word.cls", "1\n2");
  bytes += tar_member("none.jpg", jpeg);
  directory.write("s.tar", bytes);
  LoaderConfig config;
  config.batch_size = 43;
  config.num_workers = 0;
  config.max_bad_share = 0.5;
  std::vector<std::string> bad;
  config.report_bad = [&bad](const BadSample& sample) {
    bad.push_back(sample.name + " " + sample.error);
  };
  const std::shared_ptr<const ImageSource> source =
      open_source(directory.path() / "s.tar", Split::train);
  EXPECT_THAT(source->description(),
              EndsWith("43 images in 1 class (1), 41 with a label, 2 without"));
  Loader loader(source, tiny_crops(), config);
  ASSERT_TRUE(loader.next());
  EXPECT_THAT(bad, ElementsAre(HasSubstr("cut.jpg' damaged JPEG")));
  EXPECT_EQ(labelled_images(source, "--data", 1)->size(), 41);
}

TEST(ShardOrder, IsAPermutationThatDependsOnSeedAndEpoch) {
  const std::vector<std::int64_t> shards{5, 0, 100, 30, 7};
  for (const std::int64_t buffer : {1, 10, 1000}) {
    std::vector<std::int64_t> order = shard_order(1, 2, shards, buffer);
    EXPECT_EQ(order, shard_order(1, 2, shards, buffer));
    EXPECT_NE(order, shard_order(1, 3, shards, buffer));
    EXPECT_NE(order, shard_order(2, 2, shards, buffer));
    std::sort(order.begin(), order.end());
    for (std::int64_t i = 0; i < 142; ++i) ASSERT_EQ(order[static_cast<std::size_t>(i)], i);
  }
}

TEST(ShardOrder, ReadsAFewShardsAtATime) {
  const std::vector<std::int64_t> shards(100, 50);
  const std::vector<std::int64_t> order = shard_order(1, 0, shards, 200);
  // How many shards are between the first and the last sample of each.
  std::vector<std::int64_t> first(100, -1);
  std::vector<std::int64_t> last(100, -1);
  for (std::int64_t p = 0; p < std::ssize(order); ++p) {
    const auto shard = static_cast<std::size_t>(order[static_cast<std::size_t>(p)] / 50);
    if (first[shard] < 0) first[shard] = p;
    last[shard] = p;
  }
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < 100; ++i) sum += last[i] - first[i];
  EXPECT_LT(sum / 100, 1500);  // of 5,000
}

TEST(Shards, AShuffledEpochHasEverySampleOnceWhateverTheWorldSize) {
  DataDirectory directory;
  for (int shard = 0; shard < 3; ++shard) {
    std::string bytes;
    for (int i = 0; i < 4; ++i) {
      const std::string name = std::to_string(shard) + std::to_string(i);
      bytes += tar_member(name + ".jpg", picture()) + tar_member(name + ".cls", name);
    }
    directory.write(std::to_string(shard) + ".tar", bytes);
  }
  const auto labels = [&](std::int64_t rank, std::int64_t world) {
    LoaderConfig config;
    config.batch_size = 12 / world;
    config.rank = rank;
    config.world_size = world;
    Loader loader(open_source(directory.path(), Split::train), tiny_crops(), config);
    return loader.next()->labels;
  };
  const std::vector<std::int64_t> all = labels(0, 1);
  std::vector<std::int64_t> halves = labels(0, 2);
  const std::vector<std::int64_t> second = labels(1, 2);
  halves.insert(halves.end(), second.begin(), second.end());
  EXPECT_EQ(all, halves);
  EXPECT_THAT(all, testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

}  // namespace
}  // namespace convmae
