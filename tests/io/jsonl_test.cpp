#include "convmae/io/jsonl.h"

#include "convmae/base/error.h"

#include <gtest/gtest.h>

#include "test_files.h"
#include <filesystem>
#include <limits>
#include <string>

namespace convmae {
namespace {

TEST(JsonlWriter, AppendsOneLineEachAndKeepsTheOrderOfKeys) {
  const test::TemporaryDirectory directory;
  {
    JsonlWriter log(directory / "log.txt");
    log.append({{"train_loss", 0.5}, {"epoch", 0}});
    EXPECT_EQ(test::read_text(directory / "log.txt"), "{\"train_loss\":0.5,\"epoch\":0}\n");
  }
  JsonlWriter(directory / "log.txt").append({{"epoch", 1}});
  EXPECT_EQ(test::read_text(directory / "log.txt"),
            "{\"train_loss\":0.5,\"epoch\":0}\n{\"epoch\":1}\n");
}

TEST(JsonlWriter, CutsOffAnIncompleteLastLine) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "log.txt", "{\"epoch\":0}\n{\"epo");
  JsonlWriter(directory / "log.txt").append({{"epoch", 1}});
  EXPECT_EQ(test::read_text(directory / "log.txt"), "{\"epoch\":0}\n{\"epoch\":1}\n");
}

TEST(JsonlWriter, WritesWhatJsonCannotExpressAsNullOrReplacement) {
  const test::TemporaryDirectory directory;
  JsonlWriter(directory / "log.txt")
      .append({{"loss", std::numeric_limits<double>::quiet_NaN()}, {"file", "\xFF"}});
  EXPECT_EQ(test::read_text(directory / "log.txt"), "{\"loss\":null,\"file\":\"\xEF\xBF\xBD\"}\n");
}

TEST(JsonlWriter, NamesAFileThatCannotBeOpened) {
  const test::TemporaryDirectory directory;
  EXPECT_THROW(JsonlWriter(directory / "none/log.txt"), UserError);
}

TEST(JsonlWriter, LooksForTheLastLineInPiecesAndNotForEver) {
  const test::TemporaryDirectory directory;
  const std::string whole = "{\"text\":\"" + std::string(10'000, 'x') + "\"}\n";
  test::write_text(directory / "log.txt", whole + std::string(9'000, 'y'));
  JsonlWriter(directory / "log.txt").append({{"epoch", 1}});
  EXPECT_EQ(test::read_text(directory / "log.txt"), whole + "{\"epoch\":1}\n");
  test::write_text(directory / "hole", "");
  std::filesystem::resize_file(directory / "hole", 50'000'000'000);
  EXPECT_THROW(JsonlWriter(directory / "hole"), UserError);
}

}  // namespace
}  // namespace convmae
