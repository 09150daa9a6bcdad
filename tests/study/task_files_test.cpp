#include "convmae/study/task_files.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "study/studies.h"
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace convmae {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

class TaskFiles : public testing::Test {
 protected:
  /// What a run leaves.
  void write_run(const StudyTask& task, const std::string& log, const std::string& status,
                 const std::string& last) const {
    std::filesystem::create_directories(paths_.run(task));
    test::write_text(paths_.run(task) / "log.txt", log);
    test::write_text(
        paths_.run(task) / "result.json",
        R"({"status": ")" + status + R"(", "step": 40, "epochs_done": 2, "last": )" + last + "}");
  }
  void write_printed(const StudyTask& task, const std::string& text) const {
    std::filesystem::create_directories(paths_.output());
    test::write_text(paths_.printed(task), text);
  }

  test::TemporaryDirectory directory_;
  StudyPaths paths_{directory_.path()};
  StudyPlan plan_ = plan_of({test::study_of(directory_, test::kSmallStudy)});
  const StudyTask& pretraining_ = plan_.tasks[0];
  const StudyTask& neighbours_ = plan_.tasks[1];
  const StudyTask& tuning_ = plan_.tasks[2];
};

TEST_F(TaskFiles, APretrainingGoesOnUntilItIsFinished) {
  const auto words = [this] { return next_process(pretraining_, plan_, paths_); };
  ASSERT_TRUE(words());
  EXPECT_FALSE(words()->judges);
  const std::vector<std::string> expected{
      "pretrain",         "--data", "images", "--epochs", "3",
      "--no_masked_conv", "--seed", "0",      "--out",    paths_.run(pretraining_).string(),
      "--resume",         "auto",   "--json"};
  EXPECT_EQ(words()->words, expected);
  write_run(pretraining_, "", "interrupted", "{}");
  EXPECT_TRUE(words());
  write_run(pretraining_, "", "finished", "{}");
  EXPECT_FALSE(words());
}

TEST_F(TaskFiles, AClassifierIsJudgedWhenItIsFinished) {
  const auto first = next_process(tuning_, plan_, paths_);
  ASSERT_TRUE(first);
  EXPECT_THAT(first->words, Contains(paths_.weights(pretraining_).string()));
  EXPECT_THAT(first->words, Not(Contains("labelled")));
  write_run(tuning_, "", "finished", R"({"test_acc1": 10})");
  const auto second = next_process(tuning_, plan_, paths_);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->judges);
  EXPECT_THAT(second->words, ElementsAre("eval", "--data", "labelled", "--checkpoint",
                                         paths_.weights(tuning_).string(), "--json"));
  write_printed(tuning_, R"({"top1": 0.25})");
  EXPECT_FALSE(next_process(tuning_, plan_, paths_));
  EXPECT_EQ(outcome_of(tuning_, paths_).value, 25);
}

TEST_F(TaskFiles, NeighboursTrainNothing) {
  const auto words = next_process(neighbours_, plan_, paths_);
  ASSERT_TRUE(words);
  EXPECT_TRUE(words->judges);
  EXPECT_THAT(words->words, ElementsAre("knn", "--data", "labelled", "--checkpoint",
                                        paths_.weights(pretraining_).string(), "--json"));
  write_printed(neighbours_, R"({"scores": [{"k": 20, "top1": 0.5}]})");
  EXPECT_FALSE(next_process(neighbours_, plan_, paths_));
  EXPECT_EQ(outcome_of(neighbours_, paths_).value, 50);
}

TEST_F(TaskFiles, ARunTellsItsCurve) {
  write_run(
      pretraining_,
      R"({"version": "1", "images": 80, "cpu": "a CPU", "commit": "abc", "probe": {"knn_top1_at_start": 0.1}}
{"epoch": 0, "epochs_done": 1, "train_loss": 0.9, "knn_top1": 0.2}
{"epoch": 1, "epochs_done": 2, "train_loss": 0.5}
)",
      "finished", R"({"train_loss": 0.5})");
  const TaskOutcome outcome = outcome_of(pretraining_, paths_);
  EXPECT_EQ(outcome.value, 0.5);
  EXPECT_EQ(outcome.images, 80);
  EXPECT_EQ(outcome.cpu + outcome.commit, "a CPUabc");
  EXPECT_EQ(outcome.steps, 40);
  EXPECT_EQ(outcome.epochs, 2);
  EXPECT_THAT(outcome.curve_epochs, ElementsAre(0, 1));
  EXPECT_THAT(outcome.curve_values, ElementsAre(10, 20));
}

TEST_F(TaskFiles, AreNamedWhereTheyAreNotAsExpected) {
  write_printed(neighbours_, "{}");
  EXPECT_THROW(outcome_of(neighbours_, paths_), UserError);
  write_printed(neighbours_, "no JSON");
  EXPECT_THROW(outcome_of(neighbours_, paths_), UserError);
  write_run(pretraining_, "", "finished", "null");
  EXPECT_THROW(outcome_of(pretraining_, paths_), UserError);
}

}  // namespace
}  // namespace convmae
