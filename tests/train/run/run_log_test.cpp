#include "convmae/train/run/run_log.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_model.h"
#include <cmath>
#include <fstream>
#include <limits>

namespace convmae {
namespace {

std::vector<nlohmann::json> lines_of(const std::filesystem::path& path) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

class Log : public testing::Test {
 protected:
  void write_two_epochs() {
    RunLog log(paths_, {{"version", "1"}});
    for (int step = 1; step <= 6; ++step) {
      log.add_step({.step = step, .epoch = (step - 1) / 3.0, .loss = 1.0 / step, .lr = 0.1});
      if (step % 3 == 0) log.add_epoch({{"train_loss", 1.0 / step}, {"epoch", step / 3 - 1}});
    }
  }

  ScratchDirectory scratch_;
  RunPaths paths_{scratch_.path()};
};

TEST_F(Log, HasAHeaderAndALineAnEpoch) {
  write_two_epochs();
  const auto lines = lines_of(paths_.log());
  ASSERT_EQ(lines.size(), 3);
  EXPECT_EQ(lines[0].at("version"), "1");
  EXPECT_EQ(lines[1].at("epoch"), 0);
  EXPECT_EQ(lines[2].at("train_loss"), 1.0 / 6);
  EXPECT_EQ(lines_of(paths_.steps()).size(), 6);
}

TEST_F(Log, ContinuedIsCutBackToTheCheckpoint) {
  write_two_epochs();
  std::ofstream(paths_.steps(), std::ios::app) << R"({"step": 7, "los)";  // a crash's last words
  RunLog log(paths_, {.step = 4, .epoch = 1, .event_step = 1333}, {{"step", 4}});
  EXPECT_EQ(log.steps().size(), 4);
  EXPECT_EQ(log.epochs().size(), 1);
  log.add_step({.step = 5, .epoch = 4 / 3.0, .loss = 0.2, .lr = 0.1});
  const auto steps = lines_of(paths_.steps());
  ASSERT_EQ(steps.size(), 5);
  EXPECT_EQ(steps[3].at("loss"), 0.25);
  EXPECT_EQ(steps[4].at("step"), 5);
  const auto lines = lines_of(paths_.log());
  ASSERT_EQ(lines.size(), 2);
  EXPECT_EQ(lines[0].at("resumed").at(0).at("step"), 4);
}

TEST_F(Log, AnEpochThatAnEarlierVersionCutShortIsWrittenAgain) {
  {
    RunLog log(paths_, {{"version", "1"}});
    log.add_epoch({{"epoch", 0}, {"incomplete", true}});
  }
  const RunLog log(paths_, {.step = 2, .evaluated = true, .event_step = 500}, {{"step", 2}});
  EXPECT_TRUE(log.epochs().empty());
}

TEST_F(Log, LinesUpToTheStepWhereARunGoesOnStay) {
  const auto continued = [&](std::int64_t step, bool evaluated) {
    {
      RunLog log(paths_, {{"version", "1"}});
      log.add_epoch({{"epoch", 0}, {"step", 2}, {"incomplete", true}});
      log.add_epoch({{"epoch", 0}, {"step", 3}});
      log.add_epoch({{"epoch", 1}, {"step", 4}, {"incomplete", true}});
    }
    std::vector<int> left;
    const RunLog log(paths_, {.step = step, .evaluated = evaluated, .epoch = step / 3}, {});
    left.reserve(log.epochs().size());
    for (const auto& line : log.epochs()) left.push_back(line.at("step").get<int>());
    return left;
  };
  EXPECT_THAT(continued(5, false), testing::ElementsAre(2, 3, 4));
  EXPECT_THAT(continued(4, true), testing::ElementsAre(2, 3, 4));
  EXPECT_THAT(continued(4, false), testing::ElementsAre(2, 3));
  EXPECT_THAT(continued(3, true), testing::ElementsAre(2, 3));
  EXPECT_THAT(continued(3, false), testing::ElementsAre(2));
  EXPECT_THAT(continued(1, true), testing::IsEmpty());
}

TEST_F(Log, NumbersThatAreNotFiniteComeBack) {
  {
    RunLog log(paths_, {{"version", "1"}});
    log.add_step({.step = 1,
                  .loss = std::numeric_limits<double>::quiet_NaN(),
                  .grad_norm = std::numeric_limits<double>::infinity(),
                  .skipped = true});
  }
  const RunLog log(paths_, {.step = 1}, {{"step", 1}});
  ASSERT_EQ(log.steps().size(), 1);
  EXPECT_TRUE(std::isnan(log.steps()[0].loss));
  EXPECT_TRUE(log.steps()[0].skipped);
}

TEST(RunDirectory, IsLockedAgainstASecondWriter) {
  const ScratchDirectory scratch;
  const RunDirectory first = RunDirectory::create(scratch.path() / "run", false);
  EXPECT_THROW(RunDirectory::create(scratch.path() / "run", true), UserError);
}

TEST(RunDirectory, IsFreeAgainWithItsOwner) {
  const ScratchDirectory scratch;
  { const RunDirectory first = RunDirectory::create(scratch.path() / "run", false); }
  EXPECT_NO_THROW(RunDirectory::create(scratch.path() / "run", false));
}

TEST_F(Log, IsReadBackAsItWas) {
  write_two_epochs();
  const RunHistory history = RunHistory::read(paths_);
  EXPECT_EQ(history.header().at("version"), "1");
  ASSERT_EQ(history.epochs().size(), 2);
  EXPECT_EQ(history.epochs()[1].at("train_loss"), 1.0 / 6);
  ASSERT_EQ(history.steps().size(), 6);
  EXPECT_EQ(history.steps()[3].loss, 0.25);
}

TEST_F(Log, IsContinuedAlsoIfTheOldOneIsGone) {
  RunLog log(paths_, {.step = 4, .epoch = 1}, {{"step", 4}});
  EXPECT_EQ(log.header().at("resumed").at(0).at("step"), 4);
  EXPECT_TRUE(log.steps().empty());
}

TEST_F(Log, OfAFolderWithoutARunIsAnError) {
  EXPECT_THROW(RunHistory::read(paths_), UserError);
  std::ofstream(paths_.log()) << "not a run\n";
  EXPECT_THROW(RunHistory::read(paths_), UserError);
}

}  // namespace
}  // namespace convmae
