#include "convmae/study/result_lines.h"

#include "convmae/base/error.h"
#include "convmae/io/jsonl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/test_files.h"
#include <string>

namespace convmae {
namespace {

using testing::HasSubstr;

ResultLine some_line() {
  ResultLine line;
  line.use = {"small", "plain", "knn", 3, 1};
  line.task = "0123456789ab";
  line.outcome = {.value = 71.5,
                  .cpu_seconds = 12.25,
                  .images = 100,
                  .epochs = 2,
                  .steps = 20,
                  .curve_epochs = {0, 1},
                  .curve_values = {10, 20},
                  .cpu = "a CPU",
                  .commit = "abc"};
  line.command = "knn --data labelled";
  return line;
}

TEST(ResultLines, AreReadAsTheyWereWritten) {
  const test::TemporaryDirectory directory;
  EXPECT_TRUE(read_result_lines(directory.path(), "small").empty());
  JsonlWriter(lines_file(directory.path(), "small")).append(to_json(some_line()));
  const auto lines = read_result_lines(directory.path(), "small");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(to_json(lines.front()), to_json(some_line()));
  EXPECT_EQ(lines.front().outcome.curve_values.back(), 20);
}

TEST(ResultLines, PassOverALineThatACrashCutShort) {
  const test::TemporaryDirectory directory;
  JsonlWriter(lines_file(directory.path(), "small")).append(to_json(some_line()));
  const std::string whole = test::read_text(directory / "small.jsonl");
  test::write_text(directory / "small.jsonl", whole + whole.substr(0, 40));
  EXPECT_EQ(read_result_lines(directory.path(), "small").size(), 1U);
}

TEST(ResultLines, NameALineOfAnotherKind) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "small.jsonl", to_json(some_line()).dump() + "\n{\"epoch\": 1}\n");
  try {
    read_result_lines(directory.path(), "small");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("small.jsonl', line 2"));
    EXPECT_THAT(error.what(), HasSubstr("'study'"));
  }
  nlohmann::ordered_json uneven = to_json(some_line());
  uneven["curve"]["values"].push_back(1);
  EXPECT_THROW(result_line_from(uneven, "here"), UserError);
}

TEST(CostLines, AreReadAsTheyWereWritten) {
  const test::TemporaryDirectory directory;
  const CostLine line{"0123456789ab", 2, 0.25, 256, 226, "a CPU", "abc", "pretrain"};
  JsonlWriter(costs_file(directory.path())).append(to_json(line));
  ASSERT_EQ(read_cost_lines(directory.path()).size(), 1U);
  EXPECT_EQ(to_json(read_cost_lines(directory.path()).front()), to_json(line));
}

}  // namespace
}  // namespace convmae
