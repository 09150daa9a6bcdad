#include "convmae/io/jsonl.h"

#include "convmae/base/error.h"

#include <gtest/gtest.h>

#include "test_files.h"
#include <limits>

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

}  // namespace
}  // namespace convmae
