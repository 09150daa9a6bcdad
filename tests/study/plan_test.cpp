#include "convmae/study/plan.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "study/studies.h"
#include <algorithm>
#include <string>
#include <vector>

namespace convmae {
namespace {

using testing::ElementsAre;

std::vector<std::string> commands_of(const StudyPlan& plan) {
  std::vector<std::string> commands;
  for (const StudyTask& task : plan.tasks) commands.push_back(task.command);
  return commands;
}

std::ptrdiff_t pretrainings(const StudyPlan& plan) {
  return std::ranges::count(plan.tasks, kPretraining, &StudyTask::command);
}

TEST(StudyPlan, HasAllArmsWithASeedBeforeTheNext) {
  const test::TemporaryDirectory directory;
  const StudyPlan plan = plan_of({test::study_of(directory, test::kSmallStudy)});
  EXPECT_THAT(commands_of(plan),
              ElementsAre("pretrain", "knn", "finetune", "finetune", "pretrain", "knn", "finetune",
                          "finetune", "pretrain", "knn", "finetune", "finetune", "pretrain", "knn",
                          "finetune", "finetune"));
  const StudyTask& plain = plan.tasks[0];
  EXPECT_EQ(plain.flags,
            nlohmann::ordered_json(
                {{"data", "images"}, {"epochs", 3}, {"masked_conv", false}, {"seed", 0}}));
  EXPECT_EQ(plan.tasks[1].after, 0U);
  EXPECT_EQ(plan.tasks[1].flags, nlohmann::ordered_json({{"data", "labelled"}}));
  EXPECT_EQ(plan.tasks[11].flags["data"], "labelled-1-1");
  EXPECT_EQ(plan.tasks[11].flags["seed"], 1);
  EXPECT_EQ(plan.tasks[11].uses.front().draw, 1);
}

TEST(StudyPlan, RunsOnceWhatSeveralStudiesAskFor) {
  const test::TemporaryDirectory directory;
  const Study first = test::study_of(directory, test::kSmallStudy);
  const Study second = test::study_of(directory, R"(
seeds = 3
[pretrain]
epochs = 3
data = "images"
[evaluations.near]
command = "knn"
data = "labelled"
[arms.same]
[arms.also_same]
pretrain = { epochs = 3 }
[arms.other]
pretrain = { fusion = false }
)",
                                      "second.toml");
  const StudyPlan plan = plan_of({first, second});
  // plain and masked with two seeds, other with three, and the third seed of same
  EXPECT_EQ(pretrainings(plan), 4 + 3 + 1);
  const auto masked = std::ranges::find_if(plan.tasks, [](const StudyTask& task) {
    return task.uses.front().arm == "masked" && task.command == "knn";
  });
  ASSERT_NE(masked, plan.tasks.end());
  ASSERT_EQ(masked->uses.size(), 3U);
  EXPECT_EQ(masked->uses[1].study, "second");
  EXPECT_EQ(masked->uses[2].arm, "also_same");
}

TEST(StudyPlan, KeysStandForSettingsAlone) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "one.toml", "# of one kind\nbatch_size = 3\nlr = 0.1\n");
  test::write_text(directory / "two.toml", "lr = 0.1\nbatch_size = 3\n");
  test::write_text(directory / "three.toml", "lr = 0.2\nbatch_size = 3\n");
  const auto key = [&](const std::string& config) {
    Study study = test::study_of(directory, test::kSmallStudy);
    study.pretrain["config"] = (directory / config).string();
    return plan_of({study}).tasks.front().key;
  };
  EXPECT_EQ(key("one.toml"), key("two.toml"));
  EXPECT_NE(key("one.toml"), key("three.toml"));
  EXPECT_THROW(key("none.toml"), UserError);
  Study study = test::study_of(directory, test::kSmallStudy);
  const StudyPlan plan = plan_of({study});
  EXPECT_EQ(plan.tasks[0].setting, plan.tasks[8].setting);  // another seed
  EXPECT_NE(plan.tasks[0].key, plan.tasks[8].key);
  EXPECT_EQ(plan.tasks[2].setting, plan.tasks[3].setting);  // another draw
  EXPECT_NE(plan.tasks[0].setting, plan.tasks[4].setting);
}

TEST(StudyPlan, AnArmMayStartFromNothingOrFromOthersWeights) {
  const test::TemporaryDirectory directory;
  Study study = test::study_of(directory, test::kSmallStudy);
  study.arms[0].pretrained = false;
  study.arms[1].pretrained = false;
  study.arms[1].weights = "published.pth";
  const StudyPlan plan = plan_of({study});
  EXPECT_EQ(pretrainings(plan), 0);
  EXPECT_FALSE(plan.tasks.front().after);
  EXPECT_EQ(plan.tasks[3].weights, "published.pth");
  EXPECT_NE(plan.tasks[0].key, plan.tasks[3].key);
}

TEST(StudyPlan, SpellsFlagsAsTheyAreTyped) {
  EXPECT_THAT(words_of("detect train", {{"lr", 1e-3},
                                        {"depth", {1, 2, 3}},
                                        {"crop_scale", {0.5, 1.0}},
                                        {"flip", true},
                                        {"fusion", false},
                                        {"aa", "none"}}),
              ElementsAre("detect", "train", "--lr", "0.001", "--depth", "1,2,3", "--crop_scale",
                          "0.5,1.0", "--flip", "--no_fusion", "--aa", "none"));
}

}  // namespace
}  // namespace convmae
