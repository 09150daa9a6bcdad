#include "convmae/io/tensorboard.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_files.h"

namespace convmae {
namespace {

using ::testing::MatchesRegex;

TEST(TensorboardWriter, BeginsWithTheRecordOfTheVersion) {
  const test::TemporaryDirectory directory;
  const TensorboardWriter writer(directory.path());
  EXPECT_THAT(writer.path().filename().string(),
              MatchesRegex("events\\.out\\.tfevents\\.[0-9]{10}\\..+\\.[0-9]+\\.[0-9]+"));
  const std::string file = test::read_text(writer.path());
  // length 24 and its masked checksum, as every event file in the world begins
  EXPECT_EQ(file.substr(0, 12), std::string("\x18\0\0\0\0\0\0\0\xA3\x7F\x4B\x22", 12));
  EXPECT_EQ(file.substr(21, 15),
            "\x1A\x0D"
            "brain.Event:2");
  EXPECT_EQ(file.substr(12 + 24 + 4 + 12 + 12),
            "\x07"
            "convmae" +
                file.substr(file.size() - 4));
}

TEST(TensorboardWriter, KnowsItsOwnFiles) {
  const test::TemporaryDirectory directory;
  const TensorboardWriter writer(directory.path());
  EXPECT_TRUE(is_event_file(writer.path()));
  const std::filesystem::path other = directory / "events.out.tfevents.1.host.2.3";
  test::write_text(other, test::read_text(writer.path()).substr(0, 40));  // another program's
  EXPECT_FALSE(is_event_file(other));
  test::write_text(other, "");
  EXPECT_FALSE(is_event_file(other));
}

TEST(TensorboardWriter, EachEventIsInTheFileAtOnce) {
  const test::TemporaryDirectory directory;
  TensorboardWriter writer(directory.path());
  const auto before = std::filesystem::file_size(writer.path());
  writer.scalar("loss", 0.5, 3);
  EXPECT_GT(std::filesystem::file_size(writer.path()), before);
}

TEST(TensorboardWriter, TwoWritersOfOneProcessHaveTwoFiles) {
  const test::TemporaryDirectory directory;
  const TensorboardWriter a(directory.path());
  const TensorboardWriter b(directory.path());
  EXPECT_NE(a.path(), b.path());
}

TEST(TensorboardWriter, NamesADirectoryThatIsNotThere) {
  const test::TemporaryDirectory directory;
  EXPECT_THROW(TensorboardWriter(directory / "none"), UserError);
}

}  // namespace
}  // namespace convmae
