#include "convmae/data/sources/source.h"

#include "convmae/base/error.h"
#include "convmae/data/decode/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data_files.h"
#include <filesystem>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace convmae {
namespace {

namespace fs = std::filesystem;
using test::DataDirectory;

std::string error_of(const fs::path& path, Split split = Split::train) {
  try {
    open_source(path, split);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

std::vector<std::string> names(const ImageSource& source) {
  std::vector<std::string> found;
  for (std::int64_t i = 0; i < source.size(); ++i) {
    found.push_back(fs::path(source.name(i)).filename().string() + ":" +
                    std::to_string(source.label(i)));
  }
  return found;
}

TEST(OpenSource, FoldersOfFoldersAreClassesInSortedOrder) {
  DataDirectory data;
  data.add("zebra/1.jpg");
  data.add("ant/deeper/2.JPEG");
  data.add("ant/1.png");
  data.add("ant/notes.txt");
  data.add("ant/.hidden.png");
  const auto source = open_source(data.path(), Split::train);
  EXPECT_THAT(source->classes(), testing::ElementsAre("ant", "zebra"));
  EXPECT_THAT(names(*source), testing::ElementsAre("1.png:0", "2.JPEG:0", "1.jpg:1"));
}

TEST(OpenSource, ClassNamesAreUtf8AndStayApart) {
  DataDirectory data;
  for (const char* const name : {"caf\xe8/a.jpg", "caf\xe9/a.jpg", "é/a.jpg"}) data.add(name);
  const std::vector<std::string> expected{"caf\\xe8", "caf\\xe9", "é"};
  EXPECT_EQ(open_source(data.path(), Split::train)->classes(), expected);
  data.write("list.csv", "caf\xe9/a.jpg,caf\xe9\né/a.jpg,é\ncaf\xe8/a.jpg,caf\xe8\n");
  EXPECT_EQ(open_source(data.path() / "list.csv", Split::train)->classes(), expected);
}

TEST(OpenSource, WhatIsSaidOfDataIsPrintable) {
  DataDirectory data;
  data.add("\x1b[31m\n\xe9/a.jpg");
  const std::unique_ptr<ImageSource> source =
      open_source(data.path() / "\x1b[31m\n\xe9", Split::train);
  EXPECT_NE(source->description().find("\\x1b[31m\\x0a\\xe9: folder of 1 image "),
            std::string::npos)
      << source->description();
}

TEST(OpenSource, AFolderWithImagesOfItsOwnHasNoLabels) {
  DataDirectory data;
  data.add("b.jpg");
  data.add("a.webp");
  data.add("sub/c.npy");
  const auto source = open_source(data.path(), Split::train);
  EXPECT_TRUE(source->classes().empty());
  EXPECT_THAT(names(*source), testing::ElementsAre("a.webp:-1", "b.jpg:-1", "c.npy:-1"));
}

/// Why an image cannot be read, or "read".
std::string reading_error(const ImageSource& source, std::int64_t index) {
  std::vector<std::uint8_t> bytes;
  try {
    source.read(index, bytes);
  } catch (const UserError& error) {
    return error.what();
  }
  return "read";
}

TEST(OpenSource, WhatIsNoFileIsAnImageThatCannotBeRead) {
  DataDirectory data;
  data.add("a.png");
  ::mkfifo((data.path() / "b.png").c_str(), 0666);
  fs::create_symlink("nowhere", data.path() / "c.png");  // is left out
  fs::create_symlink("/dev/zero", data.path() / "e.png");
  data.write("f.png", "\x89PNG\r\n\x1a\n");
  fs::resize_file(data.path() / "f.png", 50'000'000'000);
  fs::create_directory(data.path() / "g.png");  // is looked into instead
  data.write("list.txt", "c.png\ng.png\na.png\n");
  const auto folder = open_source(data.path(), Split::train);
  ASSERT_EQ(folder->size(), 4);
  EXPECT_EQ(reading_error(*folder, 0), "read");
  EXPECT_THAT(reading_error(*folder, 1), testing::HasSubstr("found a named pipe"));
  EXPECT_THAT(reading_error(*folder, 2), testing::HasSubstr("found a device"));
  EXPECT_THAT(reading_error(*folder, 3),
              testing::HasSubstr("expected an image file of at most 536870912 bytes"));
  const auto list = open_source(data.path() / "list.txt", Split::train);
  EXPECT_THAT(reading_error(*list, 0), testing::HasSubstr("No such file"));
  EXPECT_THAT(reading_error(*list, 1), testing::HasSubstr("Is a directory"));
  EXPECT_EQ(reading_error(*list, 2), "read");
}

TEST(OpenSource, OfALargeFileThatIsNoImageOnlyTheBeginningIsRead) {
  DataDirectory data;
  data.write("hole.png", "");
  fs::resize_file(data.path() / "hole.png", 400'000'000);
  std::vector<std::uint8_t> bytes;
  open_source(data.path(), Split::train)->read(0, bytes);
  EXPECT_LT(bytes.capacity(), 1'000'000);
  Image image;
  EXPECT_THROW(decode_image(bytes, {}, image), UserError);
}

TEST(OpenSource, TrainAndValFoldersAreSplits) {
  DataDirectory data;
  data.add("train/x/1.jpg");
  data.add("train/y/2.jpg");
  data.add("val/x/3.jpg");
  EXPECT_EQ(open_source(data.path(), Split::train)->size(), 2);
  EXPECT_EQ(open_source(data.path(), Split::val)->size(), 1);
  fs::remove_all(data.path() / "val");
  EXPECT_THAT(error_of(data.path(), Split::val), testing::HasSubstr("/val'"));
}

TEST(OpenSource, ListsTakePathsWithAndWithoutLabels) {
  DataDirectory data;
  data.add("im,1.jpg");
  data.add("my photo 2.jpg");
  const std::string header = "# made by hand\n\npath,label\n";
  data.write("names.csv", header + "\"im,1.jpg\",dog\r\nmy photo 2.jpg,cat\n");
  const auto named = open_source(data.path() / "names.csv", Split::train);
  EXPECT_THAT(named->classes(), testing::ElementsAre("cat", "dog"));
  EXPECT_THAT(names(*named), testing::ElementsAre("im,1.jpg:1", "my photo 2.jpg:0"));
  std::vector<std::uint8_t> bytes;
  named->read(1, bytes);
  EXPECT_FALSE(bytes.empty());

  EXPECT_FALSE(named->has_numbered_classes());

  data.write("plain.txt", "my photo 2.jpg");
  EXPECT_THAT(names(*open_source(data.path() / "plain.txt", Split::train)),
              testing::ElementsAre("my photo 2.jpg:-1"));
}

TEST(OpenSource, NumbersInListsNameClassesHoweverLargeAndSparse) {
  DataDirectory data;
  data.add("a.jpg");
  data.write("n.txt", "a.jpg 10\na.jpg 9223372036854775807\na.jpg\t9\na.jpg,010\n");
  const auto source = open_source(data.path() / "n.txt", Split::train);
  EXPECT_TRUE(source->has_numbered_classes());
  EXPECT_THAT(source->classes(), testing::ElementsAre("9", "10", "9223372036854775807"));
  EXPECT_THAT(names(*source), testing::ElementsAre("a.jpg:1", "a.jpg:2", "a.jpg:0", "a.jpg:1"));
  data.write("beyond.txt", "a.jpg,9223372036854775808\na.jpg,1\n");
  EXPECT_FALSE(open_source(data.path() / "beyond.txt", Split::train)->has_numbered_classes());
}

TEST(OpenSource, ListsThatCannotBeMeantAreErrors) {
  DataDirectory data;
  data.add("a.jpg");
  data.write("empty.txt", "\n# nothing\n");
  EXPECT_THAT(error_of(data.path() / "empty.txt"), testing::HasSubstr("no images in the list"));
  data.write("elsewhere.csv", "nowhere/a.jpg,1\n");
  EXPECT_THAT(error_of(data.path() / "elsewhere.csv"), testing::HasSubstr("does not exist"));
  EXPECT_THAT(error_of(data.path() / "a.jpg"), testing::HasSubstr("binary data"));
}

TEST(OpenSource, ErrorsSayWhatWasLookedFor) {
  const DataDirectory data;
  EXPECT_THAT(error_of(data.path()), testing::HasSubstr(".jpeg .jpg .jfif"));
  EXPECT_THAT(error_of(data.path() / "absent"), testing::HasSubstr("No such file"));
}

TEST(OpenSource, AFolderThatMayNotBeReadIsLeftOutByName) {
  constexpr uid_t kNobody = 65534;
  DataDirectory data;
  data.add("locked/a.jpg");
  data.add("b.jpg");
  fs::permissions(data.path(), fs::perms::all);
  fs::permissions(data.path() / "locked", fs::perms::none);
  const bool is_root = geteuid() == 0;  // whom no permission stops
  if (is_root) {
    ASSERT_EQ(seteuid(kNobody), 0);
  }
  const std::string found = open_source(data.path(), Split::train)->description();
  const std::string error = error_of(data.path() / "locked");
  if (is_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  fs::permissions(data.path() / "locked", fs::perms::owner_all);
  EXPECT_THAT(found, testing::HasSubstr("1 folder that cannot be read (locked: Permission denied"));
  EXPECT_THAT(error, testing::HasSubstr("/locked': Permission denied"));
}

TEST(OpenSource, FilesThatVanishAreErrorsOfTheSample) {
  DataDirectory data;
  data.add("a.jpg");
  const auto source = open_source(data.path(), Split::train);
  fs::remove(data.path() / "a.jpg");
  std::vector<std::uint8_t> bytes;
  EXPECT_THROW(source->read(0, bytes), UserError);
}

std::string idx_images(unsigned count) {
  std::string text("\0\0\x08\x03\0\0\0\0\0\0\0\x02\0\0\0\x03", 16);
  text[7] = static_cast<char>(count);
  for (unsigned i = 0; i < count * 6; ++i) text += static_cast<char>(i);
  return text;
}

std::string idx_labels(const std::string& labels) {
  std::string text("\0\0\x08\x01\0\0\0\0", 8);
  text[7] = static_cast<char>(labels.size());
  return text + labels;
}

TEST(OpenSource, IdxFilesArePlainOrCompressed) {
  for (const bool compressed : {false, true}) {
    DataDirectory data;
    const std::string ending = compressed ? ".gz" : "";
    const auto write = [&](const std::string& name, const std::string& text) {
      compressed ? data.write_gz(name + ending, text) : data.write(name, text);
    };
    write("train-images-idx3-ubyte", idx_images(4));
    write("train-labels-idx1-ubyte", idx_labels(std::string("\3\0\1\3", 4)));
    write("t10k-images-idx3-ubyte", idx_images(1));
    const auto source = open_source(data.path(), Split::train);
    ASSERT_EQ(source->size(), 4);
    EXPECT_THAT(source->classes(), testing::ElementsAre("0", "1", "3"));
    EXPECT_EQ(source->label(2), 1);
    EXPECT_EQ(source->label(3), 2);
    std::vector<std::uint8_t> bytes;
    source->read(3, bytes);
    Image image;
    DecodeOptions options;
    options.channels = 1;
    decode_image(bytes, options, image);
    EXPECT_EQ(image.size(), (Size{2, 3}));
    EXPECT_THAT(image.values<std::uint8_t>(), testing::ElementsAre(18, 19, 20, 21, 22, 23));

    const auto direct = open_source(data.path() / ("t10k-images-idx3-ubyte" + ending), Split::val);
    EXPECT_EQ(direct->size(), 1);
    EXPECT_EQ(direct->label(0), ImageSource::kNoLabel);
  }
}

TEST(OpenSource, DamagedIdxFilesAreRefused) {
  DataDirectory data;
  const std::string whole = idx_images(4);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    data.write("train-images-idx3-ubyte", whole.substr(0, length));
    EXPECT_THROW(open_source(data.path(), Split::train), UserError) << length;
  }
  std::string huge = whole;
  for (std::size_t i = 4; i < 16; ++i) huge[i] = '\xFF';
  data.write("train-images-idx3-ubyte", huge);
  EXPECT_THAT(error_of(data.path()), testing::HasSubstr("impossible size"));
  huge = whole;
  huge[5] = '\x7F';
  data.write("train-images-idx3-ubyte", huge);
  EXPECT_THAT(error_of(data.path()), testing::HasSubstr("truncated"));
  data.write("train-images-idx3-ubyte", whole);
  data.write("train-labels-idx1-ubyte", idx_labels("\1\2"));
  EXPECT_THAT(error_of(data.path()), testing::HasSubstr("expected 4 labels"));
}

}  // namespace
}  // namespace convmae
