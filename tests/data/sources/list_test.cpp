#include "convmae/base/error.h"
#include "convmae/data/sources/file_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data_files.h"
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using test::DataDirectory;

/// "path:class" of every image.
std::vector<std::string> pairs(const ImageSource& source, const fs::path& root) {
  std::vector<std::string> found;
  for (std::int64_t i = 0; i < source.size(); ++i) {
    const std::int64_t label = source.label(i);
    found.push_back(fs::path(source.name(i)).lexically_relative(root).string() + ":" +
                    (label < 0 ? "-" : source.classes().at(static_cast<std::size_t>(label))));
  }
  return found;
}

class List : public testing::Test {
 protected:
  List() {
    for (const char* const name : {"a.png", "s/b.png", "c,d.png", "my e 5.png"}) data_.add(name);
  }

  std::vector<std::string> read(const std::string& text) {
    data_.write("l.csv", text);
    source_ = open_list(data_.path() / "l.csv");
    return pairs(*source_, data_.path());
  }

  std::string error_of(const std::string& text) {
    try {
      read(text);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }

  DataDirectory data_;
  std::unique_ptr<ImageSource> source_;
};

TEST_F(List, IsReadAsOtherProgramsWriteIt) {
  struct Row {
    const char* writer;
    std::string text;
  };
  const std::string utf16 =
      "f\0i\0l\0e\0\t\0l\0a\0b\0e\0l\0\r\0\n\0a\0.\0p\0n\0g\0\t\0c\0a\0t\0"
      "\r\0\n\0s\0/\0b\0.\0p\0n\0g\0\t\0d\0o\0g\0"s;
  const std::vector<Row> rows = {
      {"Excel's CSV UTF-8", "\xef\xbb\xbfpath,label\r\na.png,cat\r\ns/b.png,dog\r\n"},
      {"Notepad, no heading",
       "\xef\xbb\xbf"
       "a.png,cat\r\ns/b.png,dog"},
      {"Excel's Unicode text", "\xff\xfe" + utf16},
      {"Excel of Macintosh", "File Name,Class\ra.png,cat\rs/b.png,dog\r"},
      {"Excel in German", "Path;Label\r\na.png;cat\r\ns/b.png;dog\r\n"},
      {"Excel, which is told the separator",
       "sep=;\r\nimage;label;x\r\na.png;cat;1\r\ns/b.png;dog;2"},
      {"the same in quotes", "\"SEP=|\"\r\nimage|label\r\na.png|cat\r\ns/b.png|dog"},
      {"Excel with empty cells below and beside",
       "path,label,\na.png,cat,\ns/b.png,dog,\n,,\n,,\n"},
      {"csv.QUOTE_ALL", "\"a.png\",\"cat\"\r\n\"s/b.png\",\"dog\"\r\n"},
      {"csv.QUOTE_ALL with a heading",
       "\"FILENAME\",\"LABEL\"\n\"a.png\",\"cat\"\n\"s/b.png\",\"dog\"\n"},
      {"pandas", ",filename,label\n0,a.png,cat\n1,s/b.png,dog\n"},
      {"pandas, read and written again",
       "Unnamed: 0,img_path,target\n0,a.png,cat\n1,s/b.png,dog\n"},
      {"pandas without a heading", "0,a.png,cat\n1,s/b.png,dog\n"},
      {"R's write.csv",
       "\"\",\"image\",\"class\"\n\"1\",\"a.png\",\"cat\"\n\"2\",\"s/b.png\",\"dog\"\n"},
      {"R's write.table",
       "\"path\" \"label\"\n\"1\" \"a.png\" \"cat\"\n\"2\" \"s/b.png\" \"dog\"\n"},
      {"R's write.table, unquoted, by tabs", "path\tlabel\n1\ta.png\tcat\n2\ts/b.png\tdog\n"},
      {"a database", "file_name|category_name\na.png|cat\ns/b.png|dog\n"},
      {"Kaggle", "class id,filepaths,labels,data set\n0,a.png,cat,train\n1,s/b.png,dog,valid\n"},
      {"VIA", "filename,file_size,class\na.png,12,cat\ns/b.png,13,dog\n"},
      {"Label Studio", "annotator,choice,id,image\n1,cat,7,a.png\n1,dog,8,s/b.png\n"},
      {"CNTK", "0\ta.png\tcat\n1\ts/b.png\tdog\n"},
      {"MXNet", "0\tcat\ta.png\n1\tdog\ts/b.png\n"},
      {"labels first", "cat,a.png\ndog,s/b.png\n"},
      {"names of the user's own", "picture file;animal\na.png;cat\ns/b.png;dog\n"},
      {"Windows paths", "path,label\r\na.png,cat\r\ns\\b.png,dog\r\n"},
      {"blanks after separators", "image, label\na.png, cat\ns/b.png, dog \n"},
      {"this program", "name,label\na.png,cat\ns/b.png,dog\n"},
      {"a number beside the name", "path,label_id,label_name\na.png,0,cat\ns/b.png,1,dog\n"},
      {"notes of other lines in quotes",
       "path,note,label\na.png,\"two\n\"\"lines\"\"\",cat\ns/b.png,\",\",dog\n"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.writer);
    EXPECT_THAT(read(row.text), testing::ElementsAre("a.png:cat", "s/b.png:dog"));
  }
}

TEST_F(List, TakesEveryFormWithoutAHeading) {
  const std::vector<std::string> text = {
      "# made by hand",     "a.png,cat",           "s/b.png\tdog",       "c,d.png,cat",
      "\"c,d.png\",dog",    "my e 5.png 7",        "\"my e 5.png\" cat", "  a.png , cat ",
      R"("a.png" , "cat")", "my e 5.png,two words"};
  std::string lines;
  for (const std::string& line : text) lines += line + "\n";
  EXPECT_THAT(read(lines), testing::ElementsAre("a.png:cat", "s/b.png:dog", "c,d.png:cat",
                                                "c,d.png:dog", "my e 5.png:7", "my e 5.png:cat",
                                                "a.png:cat", "a.png:cat", "my e 5.png:two words"));
  EXPECT_THAT(read("my e 5.png\n\"c,d.png\"\na.png\n"),
              testing::ElementsAre("my e 5.png:-", "c,d.png:-", "a.png:-"));
  EXPECT_THAT(read("path,label\nc,d.png,cat\n\"c,d.png\",dog\n"),
              testing::ElementsAre("c,d.png:cat", "c,d.png:dog"));
  EXPECT_THAT(read("path\nc,d.png,cat\n"), testing::ElementsAre("c,d.png:cat"));
}

TEST_F(List, QuotedNumbersAreNumbers) {
  EXPECT_THAT(read("\"path\",\"label\"\n\"a.png\",\"10\"\n\"s/b.png\",\"9\"\n"),
              testing::ElementsAre("a.png:10", "s/b.png:9"));
  EXPECT_TRUE(source_->has_numbered_classes());
  EXPECT_THAT(source_->classes(), testing::ElementsAre("9", "10"));
}

TEST_F(List, AFirstLineThatIsAnImageIsNoHeading) {
  data_.add("image");
  EXPECT_THAT(read("image,cat\na.png,dog\n"), testing::ElementsAre("image:cat", "a.png:dog"));
  EXPECT_THAT(read("a.png,image\ns/b.png,label\n"),
              testing::ElementsAre("a.png:image", "s/b.png:label"));
  fs::create_directory(data_.path() / "file");
  EXPECT_THAT(read("file,label\na.png,cat\n"), testing::ElementsAre("a.png:cat"));
}

TEST_F(List, SaysWhichColumnsItChose) {
  const auto expect = [this](const std::string& text, const std::string& choice) {
    read(text);
    EXPECT_THAT(source_->description(), testing::HasSubstr(choice)) << text;
  };
  expect("path,label\na.png,cat\n", "l.csv: list of 1 image in 1 class");
  expect("id,file,species\n1,a.png,cat\n", "; column 'file', no column of labels");
  expect("file,species\na.png,cat\n", "; columns 'file' and 'species'");
  expect("class,x,file\ncat,1,a.png\n", "; columns 'file' and 'class'");
  expect("bild,tier\na.png,cat\n", "; columns 'bild' and 'tier'");
  expect("0\ta.png\tcat\n", "; columns 2 and 3");
  expect("a.png,cat,0.9\n", "; columns 1 and 2");
}

TEST_F(List, MayBeginWithImagesThatAreGone) {
  EXPECT_THAT(read("gone.png,cat\na.png,dog\n"), testing::ElementsAre("gone.png:cat", "a.png:dog"));
}

TEST_F(List, PathsMayBeRelativeToTheWorkingFolder) {
  const fs::path before = fs::current_path();
  fs::current_path(data_.path());
  fs::create_directory("lists");
  data_.write("lists/f.csv", "name,label\ns/b.png,1\n");
  const auto source = open_list("lists/f.csv");
  EXPECT_EQ(source->name(0), "s/b.png");
  EXPECT_THAT(source->description(), testing::HasSubstr("lists/f.csv: list of 1 image "));
  // The list's folder goes first.
  data_.add("lists/s/b.png");
  EXPECT_EQ(open_list("lists/f.csv")->name(0), "lists/s/b.png");
  fs::current_path(before);
}

TEST_F(List, ErrorsNameTheLine) {
  const auto expect = [this](const std::string& text, const std::string& words) {
    EXPECT_THAT(error_of(text), testing::HasSubstr(words)) << text;
  };
  expect("path,label\na.png,\"cat\ns/b.png,dog\n", "/l.csv', line 2: expected a second \"");
  expect("# x\n\npath,id,label\na.png,1,cat\nc,d.png,2,dog\n", "line 5 has 4 fields: expected 3");
  expect("0\ta.png\tcat\ns/b.png\tdog\tx\ty\n", "line 2 has 4 fields");
  expect("path,label\na.png,cat\n,dog\n", "line 3 names no image");
  expect("\"x\",\"cat\",\"0.9\"\n", "line 1: expected a path and a label, found 3 fields");
  expect(
      "\xff\xfe"
      "a\0\0\0"s,
      "zero characters");
}

TEST_F(List, WhatLeadsNowhereIsSaidAsItWasLookedFor) {
  const std::string folder = "'" + data_.path().string() + "'";
  for (const char* const path : {"/other/machine/x.png", "C:\\Users\\x.png", "nowhere/x.png"}) {
    EXPECT_THAT(error_of("path,label\n"s + path + ",cat\n"),
                testing::AllOf(testing::HasSubstr("line 2 names '"s + path),
                               testing::HasSubstr("looked for as '"),
                               testing::HasSubstr("the list's folder " + folder)));
  }
  EXPECT_THAT(error_of("gs://bucket/x.png,cat\n"), testing::HasSubstr("found an address"));
  EXPECT_THAT(error_of("bild,tier,x\na.png,cat\n"), testing::HasSubstr("a heading calls"));
}

}  // namespace
}  // namespace convmae
