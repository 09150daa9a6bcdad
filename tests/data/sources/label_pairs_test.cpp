#include "convmae/data/sources/label_pairs.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data_files.h"
#include <string>
#include <vector>

namespace convmae {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class LabelPairsTest : public testing::Test {
 protected:
  void add(const std::vector<std::string>& names) {
    for (const std::string& name : names) files_.add(name);
  }
  std::unique_ptr<LabelPairs> open(const std::string& data, const std::string& labels = "",
                                   Split split = Split::train) const {
    return open_label_pairs(files_.path() / data, labels.empty() ? "" : files_.path() / labels,
                            split);
  }
  /// "a.jpg a.png", below the folder of the test.
  std::vector<std::string> names(const LabelPairs& pairs) const {
    std::vector<std::string> names;
    const std::size_t root = files_.path().string().size() + 1;
    for (std::int64_t i = 0; i < pairs.size(); ++i) {
      names.push_back(pairs.name(i).substr(root) + " " + pairs.label_name(i).substr(root));
    }
    return names;
  }

  test::DataDirectory files_;
};

TEST_F(LabelPairsTest, Ade20kIsRecognised) {
  add({"ade/images/training/b.jpg", "ade/images/training/a.jpg", "ade/images/validation/c.jpg",
       "ade/annotations/training/a.png", "ade/annotations/training/b.png",
       "ade/annotations/validation/c.png"});
  files_.write("ade/objectInfo150.txt", "Idx");
  EXPECT_EQ(names(*open("ade")),
            (std::vector<std::string>{"ade/images/training/a.jpg ade/annotations/training/a.png",
                                      "ade/images/training/b.jpg ade/annotations/training/b.png"}));
  const auto held_out = open("ade", "", Split::val);
  EXPECT_EQ(
      names(*held_out),
      (std::vector<std::string>{"ade/images/validation/c.jpg ade/annotations/validation/c.png"}));
  EXPECT_THAT(held_out->description(),
              HasSubstr("ade/images/validation: folder with labels of 1 image"));
  std::vector<std::uint8_t> bytes;
  held_out->read_label(0, bytes);
  EXPECT_GT(bytes.size(), 100);
  EXPECT_EQ(label_splits(files_.path() / "ade", ""), (std::vector{Split::train, Split::val}));
  EXPECT_EQ(names(*open("")), names(*open("ade"))) << "an archive unpacked into a folder";
}

TEST_F(LabelPairsTest, FoldersMatchByPathWithoutExtension) {
  add({"photos/x/1.jpg", "photos/y/1.jpg", "photos/2.tar.png", "truth/x/1.png", "truth/y/1.npy",
       "truth/2.tar.png"});
  const auto pairs = open("photos", "truth");
  EXPECT_EQ(names(*pairs), (std::vector<std::string>{"photos/2.tar.png truth/2.tar.png",
                                                     "photos/x/1.jpg truth/x/1.png",
                                                     "photos/y/1.jpg truth/y/1.npy"}));
  EXPECT_EQ(label_splits(files_.path() / "photos", files_.path() / "truth"),
            (std::vector{Split::train}));
}

TEST_F(LabelPairsTest, WhatHasNoOtherHalfIsLeftOutAndCounted) {
  add({"d/images/a.jpg", "d/images/b.jpg", "d/images/c.jpg", "d/Labels/b.png", "d/Labels/z.png"});
  const auto pairs = open("d");
  EXPECT_EQ(pairs->size(), 1);
  EXPECT_EQ(pairs->lone().images.size(), 2);
  EXPECT_EQ(pairs->lone().labels.size(), 1);
  EXPECT_THAT(pairs->description(), AllOf(HasSubstr("2 images without a label (a.jpg, c.jpg)"),
                                          HasSubstr("1 label file without an image (z.png)")));
}

TEST_F(LabelPairsTest, ListsNameBoth) {
  add({"l/i/a.jpg", "l/i/b.jpg", "l/t/a.png", "l/t/b.png"});
  const std::vector<std::string> expected{"l/i/a.jpg l/t/a.png", "l/i/b.jpg l/t/b.png"};
  for (const char* const text :
       {"i/a.jpg,t/a.png\ni/b.jpg,t/b.png\n", "image,label\ni/a.jpg,t/a.png\ni/b.jpg,t/b.png\n",
        "image\tmask\ni/a.jpg\tt/a.png\ni/b.jpg\tt/b.png\n",
        "i\\a.jpg,t\\a.png\ni\\b.jpg,t\\b.png\n"}) {
    files_.write("l/list.csv", text);
    EXPECT_EQ(names(*open("l/list.csv")), expected) << text;
  }
  files_.write("l/list.csv", "image,label\ni/a.jpg,t/a.png\ni/b.jpg,\n");
  EXPECT_EQ(open("l/list.csv")->lone().images.size(), 1);
}

TEST_F(LabelPairsTest, SaysWhatWasLookedFor) {
  add({"d/images/a.jpg", "d/other/b.png", "e/images/a.jpg", "e/annotations/b.png",
       "f/images/training/a.jpg", "f/annotations/validation/a.png", "g/images/a.jpg",
       "g/images/a.png", "g/annotations/a.png"});
  files_.write("d/list.csv", "images/a.jpg\n");
  const auto refuses = [&](const std::string& data, const std::string& labels, const char* part) {
    EXPECT_THAT([&] { open(data, labels); }, ThrowsMessage<UserError>(HasSubstr(part)));
  };
  refuses("none", "", "cannot open the data");
  refuses("d", "", "expected the folders 'images' and 'annotations' in");
  refuses("e", "", "found 'a.jpg' and 'b.png': rename them, or give a list");
  refuses("f", "", "/train' beside the folder 'validation'");
  refuses("g", "", "found 'a.jpg' and 'a.png': move one of them away");
  refuses("d/list.csv", "", "found images alone: add the label files");
  refuses("d/list.csv", "d/other", "a list names the label files itself");
  refuses("d/images", "d/none", "cannot read the folder");
}

}  // namespace
}  // namespace convmae
