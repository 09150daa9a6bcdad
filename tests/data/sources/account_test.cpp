#include "convmae/base/error.h"
#include "convmae/data/sources/image_subset.h"
#include "convmae/data/sources/source.h"
#include "convmae/io/run_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data_files.h"
#include "tar_builder.h"
#include <filesystem>
#include <memory>
#include <string>

namespace convmae {
namespace {

namespace fs = std::filesystem;
using test::DataDirectory;
using test::tar_member;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

std::string account_of(const fs::path& path, Split split = Split::train) {
  try {
    return open_source(path, split)->description();
  } catch (const UserError& error) {
    return error.what();
  }
}

std::vector<std::string> classes_in(const fs::path& path, Split split = Split::train) {
  return open_source(path, split)->classes();
}

TEST(SourceAccount, IsOneLineThatCutsListsShort) {
  SourceAccount account{.place = "data", .kind = "folder", .images = 5000, .labelled = 5000};
  account.name_classes({"a", "b"});
  EXPECT_EQ(account.text(), "data: folder of 5,000 images in 2 classes");
  for (const char* const name : {".a", ".b", ".b", ".c", ".d"}) {
    account.leave_out(kHiddenFile, name);
  }
  account.leave_out(kFolderBeside, "te\nst");
  EXPECT_EQ(account.text(),
            "data: folder of 5,000 images in 2 classes; left out: 5 hidden files (.a, .b, .c, "
            "...), 1 folder beside it (te\\x0ast)");
  account.labelled = 1200;
  EXPECT_THAT(account.text(), HasSubstr("2 classes, 1,200 with a label, 3,800 without; left out"));
  EXPECT_EQ(SourceAccount{.images = 1}.text(), "1 image without labels");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
}

TEST(SourceAccount, FilesOfOtherKindsAndHiddenOnesAreCounted) {
  DataDirectory data;
  for (const char* const name : {"a/1.jpg", "a/2.JPG", "a/3.jfif", "b/4.jpe", "a/5.bmp", "b/6.BMP",
                                 "b/7.gif", "b/.8.png", "b/._9.jpg", "b/name"}) {
    data.add(name);
  }
  fs::create_directory(data.path() / "unknown");
  data.add("b/.ipynb_checkpoints/4.jpg");
  EXPECT_THAT(account_of(data.path()),
              EndsWith(": folder of 4 images in 2 classes; left out: 2 hidden files (.8.png, "
                       "._9.jpg), 1 hidden folder (.ipynb_checkpoints), 4 files of other kinds "
                       "(.bmp, .gif, no extension), 1 empty class (unknown)"));
}

TEST(SourceAccount, FoldersOfTheSystemAreNoClasses) {
  DataDirectory data;
  for (const char* const name : {"a/1.jpg", "b/2.jpg", "b/@eaDir/2.jpg/SYNOPHOTO_THUMB_M.jpg",
                                 "__MACOSX/b/2.jpg", "lost+found/x"}) {
    data.add(name);
  }
  EXPECT_THAT(account_of(data.path()),
              EndsWith("2 images in 2 classes; left out: 3 folders of the system (__MACOSX, "
                       "lost+found, @eaDir)"));
}

TEST(SourceAccount, AnImageBesideClassFoldersIsSaidToUndoThem) {
  DataDirectory data;
  data.add("a/1.jpg");
  data.add("overview.png");
  EXPECT_THAT(account_of(data.path()),
              EndsWith("2 images without labels; its folders are no classes, as 1 image lies "
                       "beside them (overview.png)"));
}

TEST(SourceAccount, OneBadEntryIsNotTheEnd) {
  DataDirectory data;
  data.add("a/1.jpg");
  data.add("b/2.jpg");
  fs::create_symlink("nowhere", data.path() / "a/3.jpg");
  fs::create_symlink("4.jpg", data.path() / "a/4.jpg");    // to itself
  fs::create_symlink("2.jpg/x", data.path() / "b/5.jpg");  // through a file
  fs::create_directory_symlink(data.path(), data.path() / "b/again");
  fs::create_directory_symlink(data.path().parent_path(), data.path() / "b/above");
  fs::create_directory_symlink(".", data.path() / "self");
  EXPECT_THAT(account_of(data.path()),
              EndsWith("2 images in 2 classes; left out: 3 links that lead nowhere (3.jpg, 4.jpg, "
                       "5.jpg), 3 links back to folders that they lie in (b/above, b/again, "
                       "self)"));
}

TEST(SourceAccount, LinkedClassesAreClasses) {
  DataDirectory data;
  data.add("store/a/1.jpg");
  data.add("set/b/2.jpg");
  fs::create_directory_symlink("../store/a", data.path() / "set/c");
  fs::create_directory_symlink("b", data.path() / "set/d");
  EXPECT_THAT(classes_in(data.path() / "set"), ElementsAre("b", "c", "d"));
}

TEST(SourceAccount, DirectoriesOfRunsAreNoData) {
  DataDirectory data;
  data.add("a/1.jpg");
  data.add("b/2.jpg");
  data.add("runs/own/panels/epoch-1.png");
  data.write("runs/own/" + std::string(kRunLock), std::string(kRunMark));
  data.add("old/panels/epoch-1.png");
  data.write("old/log.txt", R"({"version": "1", "command": "pretrain", "n_parameters": 1, )"
                            R"("images_per_step": 4, "steps_per_epoch": 3})"
                            "\n");
  EXPECT_THAT(account_of(data.path()),
              EndsWith("2 images in 2 classes; left out: 2 directories of runs (old, runs/own)"));
  data.add("other/log.txt");
  data.add("other/3.jpg");
  EXPECT_THAT(classes_in(data.path()), ElementsAre("a", "b", "other"));
  // A run in the data's own folder.
  data.add("panels/epoch-1.png");
  data.write(kRunLock, std::string(kRunMark));
  EXPECT_THAT(classes_in(data.path()), ElementsAre("a", "b", "other"));
}

TEST(Splits, AClassCalledTrainIsAClass) {
  DataDirectory data;
  for (const char* const name : {"bus/1.jpg", "car/2.jpg", "train/3.jpg"}) data.add(name);
  EXPECT_THAT(classes_in(data.path()), ElementsAre("bus", "car", "train"));
  EXPECT_THAT(classes_in(data.path(), Split::val), ElementsAre("bus", "car", "train"));
  EXPECT_THAT(
      account_of(data.path()),
      EndsWith("3 images in 3 classes; train is taken as a class, as others lie beside it"));
}

TEST(Splits, AreThemselvesMadeOfClassesOfAnyName) {
  DataDirectory data;
  for (const char* const part : {"train", "val"}) {
    for (const char* const name : {"/bus/1.jpg", "/train/2.jpg", "/val/3.jpg"}) {
      data.add(part + std::string(name));
    }
  }
  EXPECT_THAT(classes_in(data.path(), Split::val), ElementsAre("bus", "train", "val"));
}

TEST(Splits, FoldersWithoutImagesBesideTrainLeaveItAPart) {
  DataDirectory data;
  data.add("train/a/1.jpg");
  data.add("cover.jpg");
  fs::create_directory(data.path() / "annotations");
  data.write("annotations/a.xml", "");
  EXPECT_THAT(account_of(data.path()),
              EndsWith("/train: folder of 1 image in 1 class (a); left out: 1 folder beside it "
                       "(annotations), 1 image beside it (cover.jpg)"));
}

TEST(Splits, HaveTheNamesThatPeopleGiveThem) {
  struct Names {
    const char* training;
    const char* held_out;
  };
  for (const auto& [training, held_out] :
       {Names{"train", "val"}, Names{"train", "valid"}, Names{"Training", "Testing"},
        Names{"train", "test"}, Names{"training", "validation"}}) {
    DataDirectory data;
    data.add(training + std::string("/a/1.jpg"));
    data.add(held_out + std::string("/a/2.jpg"));
    data.add("unlabelled/x/3.jpg");
    EXPECT_THAT(account_of(data.path()), HasSubstr(training + std::string(": folder of 1 image")));
    EXPECT_THAT(account_of(data.path(), Split::val),
                HasSubstr(held_out + std::string(": folder of 1 image in 1 class (a); left out: 1 "
                                                 "folder beside it (unlabelled)")));
    data.add("valid/a/3.jpg");
    data.add("test/a/4.jpg");
    EXPECT_THAT(account_of(data.path(), Split::val), Not(HasSubstr("test: folder")));
  }
}

TEST(Splits, AFolderThatOnlyWrapsTheDataIsGoneInto) {
  DataDirectory data;
  data.add("set/train/a/1.jpg");
  data.add("set/val/a/2.jpg");
  data.add("__MACOSX/set/._x.jpg");
  EXPECT_THAT(account_of(data.path(), Split::val),
              EndsWith("/set/val: folder of 1 image in 1 class (a); left out: 1 folder of the "
                       "system (__MACOSX)"));
}

TEST(ArchiveAccount, HiddenMembersAreLeftOutAsHiddenFilesAre) {
  DataDirectory data;
  std::string tar;
  for (const char* const name : {"./a/._1.jpg", "./a/1.jpg", "./b/2.jpg", "__MACOSX/a/1.jpg",
                                 "./b/.git/3.jpg", "./b/notes.txt"}) {
    tar += tar_member(name, "x");
  }
  data.write("a.tar", tar + tar_member("./b/4.jpg", "", '2'));
  EXPECT_THAT(
      account_of(data.path() / "a.tar"),
      EndsWith("a.tar: archive of 2 images in 2 classes; left out: 2 hidden files (._1.jpg, "
               "3.jpg), 1 file in a folder of the system (1.jpg), 1 link (4.jpg), 1 file of "
               "another kind (.txt)"));
}

TEST(ArchiveAccount, FoldersMeanWhatTheyMeanUnpacked) {
  DataDirectory data;
  for (const char* const top : {"", "data/", "./data/"}) {
    std::string tar;
    for (const char* const name : {"bus/1.jpg", "bus/deep/1.png", "car/2.a.jpg", "train/3.jpg"}) {
      tar += tar_member(top + std::string(name), "x");
    }
    data.write("a.tar", tar);
    const auto source = open_source(data.path() / "a.tar", Split::train);
    EXPECT_THAT(source->classes(), ElementsAre("bus", "car", "train")) << top;
    EXPECT_EQ(source->size(), 4);
    EXPECT_EQ(source->label(2), 1);
    EXPECT_FALSE(source->has_numbered_classes());
    tar.clear();
    for (const char* const name : {"train/a/1.jpg", "val/a/2.jpg", "val/b/3.jpg", "test/b/4.jpg"}) {
      tar += tar_member(top + std::string(name), "x");
    }
    data.write("a.tar", tar);
    EXPECT_THAT(account_of(data.path() / "a.tar", Split::val),
                HasSubstr("val/: archive of 2 images in 2 classes; left out: 1 folder beside it "
                          "(test)"))
        << top;
  }
}

TEST(ArchiveAccount, ANameThatComesTwiceInAShardIsAnErrorThatNamesIt) {
  DataDirectory data;
  const std::string sample = tar_member("000.jpg", "x") + tar_member("000.cls", "1");
  data.write("a.tar", sample + tar_member("001.jpg", "x") + tar_member("./000.jpg", "y"));
  EXPECT_THAT(account_of(data.path() / "a.tar"), HasSubstr("a.tar' holds '000.jpg' twice"));
  data.write("b.tar", sample);
  data.write("c.tar", sample);
  EXPECT_THAT(account_of(data.path() / "{b,c}.tar"), HasSubstr("2 shards of 2 images"));
}

TEST(ArchiveAccount, ASamplesMembersNeedNotLieTogether) {
  DataDirectory data;
  data.write("a.tar", tar_member("0.jpg", "x") + tar_member("1.jpg", "x") +
                          tar_member("0.cls", "5") + tar_member("1.cls", "7") +
                          tar_member("2.cls", "7"));
  const auto source = open_source(data.path() / "a.tar", Split::train);
  EXPECT_THAT(source->classes(), ElementsAre("5", "7"));
  EXPECT_EQ(source->label(1), 1);
  EXPECT_THAT(source->description(), EndsWith("left out: 1 sample without an image (2)"));
}

TEST(ArchiveAccount, OfASamplesImagesTheOneWithThePlainNameIsTaken) {
  DataDirectory data;
  data.write("a.tar",
             tar_member("0.mask.png", "x") + tar_member("0.jpg", "x") + tar_member("0.cls", "5"));
  const auto source = open_source(data.path() / "a.tar", Split::train);
  EXPECT_THAT(source->name(0), EndsWith("'0.jpg'"));
  EXPECT_THAT(
      source->description(),
      EndsWith("1 image in 1 class (5); left out: 1 further image of a sample (0.mask.png)"));
  // Where every name has a dot, it is part of the name.
  data.write("b.tar", tar_member("day.1.jpg", "x") + tar_member("day.2.jpg", "x"));
  EXPECT_THAT(account_of(data.path() / "b.tar"), EndsWith("2 images without labels"));
}

TEST(ArchiveAccount, ShardsOfBothPartsInOneFolderAreToldApartByName) {
  DataDirectory data;
  for (const char* const name : {"set-train-00.tar", "set-train-01.tar", "set-val-00.tar"}) {
    data.write(name, tar_member("0.jpg", "x"));
  }
  EXPECT_THAT(account_of(data.path()), HasSubstr("set-train-00.tar and 1 more: 2 shards of 2"));
  EXPECT_THAT(account_of(data.path(), Split::val),
              EndsWith("set-val-00.tar: archive of 1 image without labels; left out: 2 shards of "
                       "the other part (set-train-00.tar, set-train-01.tar)"));
}

TEST(PartialLabels, AreSaidAndServeWhereNoneAreNeeded) {
  DataDirectory data;
  data.add("a.jpg");
  data.add("b.jpg");
  data.write("list.csv", "a.jpg,cat\nb.jpg\na.jpg,dog\nb.jpg,\n");
  const std::shared_ptr<const ImageSource> list = open_source(data.path() / "list.csv", {});
  EXPECT_THAT(list->description(),
              EndsWith("list.csv: list of 4 images in 2 classes, 2 with a label, 2 without"));
  EXPECT_EQ(list->label(1), ImageSource::kNoLabel);
  const auto needed = [&list](double most) {
    try {
      return labelled_images(list, "--data", most)->description();
    } catch (const UserError& error) {
      return std::string(error.what());
    }
  };
  EXPECT_THAT(needed(0), HasSubstr("--data has 2 of 4 images without a label, such as"));
  EXPECT_THAT(needed(0.4), HasSubstr("a larger --max_bad_share"));
  EXPECT_THAT(needed(1), EndsWith("list of 2 images in 2 classes; left out: 2 images without a "
                                  "label"));
  EXPECT_EQ(labelled_images(list, "--data", 1)->label(1), 1);
}

TEST(PartialLabels, ImagesThatAreKeptComeInTheOrderOfTheWhole) {
  DataDirectory data;
  for (int shard = 0; shard < 3; ++shard) {
    std::string tar;
    for (int i = 0; i < 20; ++i) {
      tar += tar_member(std::to_string(i) + ".jpg", "x");
      if (i % 2 == 0) tar += tar_member(std::to_string(i) + ".cls", "1");
    }
    data.write(std::to_string(shard) + ".tar", tar);
  }
  const std::shared_ptr<const ImageSource> whole = open_source(data.path(), Split::train);
  const auto half = labelled_images(whole, "--data", 1);
  ASSERT_EQ(half->size(), 30);
  std::vector<std::string> expected;
  for (const std::int64_t number : whole->shuffled(1, 2)) {
    if (whole->label(number) != ImageSource::kNoLabel) expected.push_back(whole->name(number));
  }
  std::vector<std::string> found;
  for (const std::int64_t number : half->shuffled(1, 2)) found.push_back(half->name(number));
  EXPECT_EQ(found, expected);
}

std::string idx(int rank, char count, const std::string& values) {
  std::string text("\0\0\x08", 3);
  text += static_cast<char>(rank);
  for (int i = 0; i < rank; ++i) text += std::string(3, '\0') + (i == 0 ? count : '\1');
  return text + values;
}

TEST(IdxAccount, FilesAreFoundByTheNamesThatTheyHave) {
  struct Names {
    const char* images;
    const char* labels;
  };
  for (const auto& [images, labels] : {Names{"train-images.idx3-ubyte", "train-labels.idx1-ubyte"},
                                       Names{"train-images-idx3-ubyte", "train-labels.idx1-ubyte"},
                                       Names{"emnist-letters-train-images-idx3-ubyte",
                                             "emnist-letters-train-labels-idx1-ubyte"}}) {
    for (const bool compressed : {false, true}) {
      DataDirectory data;
      const std::string name = images + std::string(compressed ? ".gz" : "");
      if (compressed) {
        data.write_gz(name, idx(3, 2, "ab"));
      } else {
        data.write(name, idx(3, 2, "ab"));
      }
      data.write(labels, idx(1, 2, "\x1\x1a"));
      data.add("logo.png");
      data.write("mapping.txt", "");
      const auto source = open_source(data.path(), Split::train);
      EXPECT_THAT(source->classes(), ElementsAre("1", "26"));
      EXPECT_THAT(source->description(),
                  EndsWith(name + ": IDX file of 2 images of 1x1 in 2 classes; left out: 1 file of "
                                  "another kind (.txt), 1 image beside it (logo.png)"));
      fs::remove(data.path() / labels);
      EXPECT_THAT(account_of(data.path()),
                  HasSubstr("2 images of 1x1 without labels; there is no "));
    }
  }
}

TEST(IdxAccount, SeveralSetsInOneFolderAreAnErrorThatNamesThem) {
  DataDirectory data;
  data.write("emnist-letters-test-images-idx3-ubyte", idx(3, 2, "ab"));
  data.write("emnist-letters-test-images-idx3-ubyte.gz", "");
  EXPECT_THAT(account_of(data.path(), Split::val), HasSubstr("2 images of 1x1"));
  data.write("emnist-digits-test-images-idx3-ubyte", idx(3, 2, "ab"));
  EXPECT_THAT(account_of(data.path(), Split::val),
              HasSubstr("'emnist-digits-test-images-idx3-ubyte' and 'emnist-letters-test"));
}

}  // namespace
}  // namespace convmae
