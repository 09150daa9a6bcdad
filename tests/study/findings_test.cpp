#include "convmae/study/findings.h"

#include "convmae/study/costs.h"

#include <gtest/gtest.h>

#include "study/studies.h"
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace convmae {
namespace {

/// The lines that a finished study would have, with values to be set.
struct Finished {
  explicit Finished(Study a_study) : study(std::move(a_study)), plan(plan_of({study})) {
    for (const StudyTask& task : plan.tasks) {
      for (const TaskUse& use : task.uses) {
        ResultLine line;
        line.use = use;
        line.task = task.key;
        line.outcome.cpu_seconds = 10;
        line.outcome.steps = 100;
        line.outcome.cpu = "a CPU";
        lines.push_back(line);
      }
    }
  }

  void set(const std::string& arm, const std::string& evaluation, std::int64_t seed, double value,
           std::int64_t draw = 0) {
    for (ResultLine& line : lines) {
      const TaskUse& use = line.use;
      if (use.arm == arm && use.evaluation == evaluation && use.seed == seed && use.draw == draw) {
        line.outcome.value = value;
      }
    }
  }

  StudyFindings findings(const std::vector<CostLine>& costs = {}) const {
    return {study, plan, lines, costs};
  }

  Study study;
  StudyPlan plan;
  std::vector<ResultLine> lines;
};

class Findings : public testing::Test {
 protected:
  test::TemporaryDirectory directory_;
  Finished finished_{test::study_of(directory_, test::kSmallStudy)};
};

TEST_F(Findings, PairArmsBySeed) {
  finished_.set("plain", "knn", 0, 50);
  finished_.set("plain", "knn", 1, 60);
  finished_.set("masked", "knn", 0, 53);
  finished_.set("masked", "knn", 1, 61);
  const auto difference = finished_.findings().difference("masked", "plain", "knn");
  ASSERT_TRUE(difference);
  EXPECT_DOUBLE_EQ(difference->mean, 2);  // of 3 and 1, whose standard error is 1
  EXPECT_NEAR(difference->half, 12.7062047, 1e-6);
}

TEST_F(Findings, ASeedCountsWhenAllItsDrawsAreThere) {
  finished_.set("plain", "tuned", 0, 40, 0);
  finished_.set("plain", "tuned", 0, 60, 1);
  std::erase_if(finished_.lines,
                [](const ResultLine& line) { return line.use.seed == 1 && line.use.draw == 1; });
  const StudyFindings findings = finished_.findings();
  EXPECT_EQ(findings.scores("plain", "tuned"), (std::map<std::int64_t, double>{{0, 50}}));
  EXPECT_TRUE(std::isnan(findings.difference("masked", "plain", "tuned")->half));
  EXPECT_LT(findings.line_count(), findings.planned());
}

TEST_F(Findings, PassOverLinesOfOtherSettings) {
  for (ResultLine& line : finished_.lines) line.task = "another";
  EXPECT_EQ(finished_.findings().line_count(), 0U);
  EXPECT_FALSE(finished_.findings().difference("masked", "plain", "knn"));
}

TEST_F(Findings, JudgeAClaimByItsInterval) {
  const auto verdict = [this](double first, double second, double within = 0) {
    finished_.set("masked", "knn", 0, first);
    finished_.set("masked", "knn", 1, second);
    StudyClaim claim = finished_.study.claims.front();
    claim.within = within;
    return verdict_on(claim, finished_.findings()).text;
  };
  EXPECT_EQ(verdict(5, 5.1), "holds");
  EXPECT_EQ(verdict(-5, -5.1), "does not hold");
  EXPECT_EQ(verdict(-1, 2), "cannot be told at this size");
  EXPECT_EQ(verdict(0.1, 0.1, 1), "holds");
  EXPECT_EQ(verdict(5, 5.1, 1), "does not hold");
  EXPECT_EQ(verdict(0.5, 1.5, 1), "cannot be told at this size");
  std::erase_if(finished_.lines, [](const ResultLine& line) { return line.use.seed == 1; });
  EXPECT_EQ(verdict(5, 5), "cannot be told yet");
}

TEST_F(Findings, CountCpuTimeByMeasuredSteps) {
  EXPECT_EQ(finished_.findings().pretraining_cpu_seconds("plain"), 10);
  const std::string setting = cost_setting(finished_.plan.tasks.front());
  std::vector<CostLine> costs;
  for (const double seconds : {0.5, 0.2, 0.3})
    costs.push_back({setting, 0, seconds, 8, 4, "a CPU", "", ""});
  costs.push_back({setting, 0, 0.1, 8, 4, "another CPU", "", ""});
  EXPECT_DOUBLE_EQ(finished_.findings(costs).pretraining_cpu_seconds("plain"), 0.3 * 100);
  EXPECT_EQ(finished_.findings(costs).pretraining_cpu_seconds("masked"), 10);
}

TEST_F(Findings, AreMeansOfCurves) {
  for (ResultLine& line : finished_.lines) {
    if (line.use.arm != "plain" || line.use.evaluation != kPretraining) continue;
    line.outcome.curve_epochs = {0, 1};
    line.outcome.curve_values = {10, line.use.seed == 0 ? 20.0 : 40.0};
  }
  const MeanCurve curve = finished_.findings().curve("plain", kPretraining);
  EXPECT_EQ(curve.epochs, (std::vector<double>{0, 1}));
  EXPECT_EQ(curve.values, (std::vector<double>{10, 30}));
}

TEST_F(Findings, EstimateWhatIsAlikeByWhatWasRun) {
  const StudyTask& task = finished_.plan.tasks.back();
  std::erase_if(finished_.lines, [&](const ResultLine& line) { return line.task == task.key; });
  const auto estimate = [&](const StudyTask& of, const std::vector<CostLine>& costs = {}) {
    return estimated_cpu_seconds(of, finished_.plan, finished_.lines, costs);
  };
  EXPECT_EQ(estimate(task), 10);  // of the other draws and seeds
  finished_.lines.clear();
  EXPECT_FALSE(estimate(task));
  const StudyTask& pretraining = finished_.plan.tasks.front();
  EXPECT_FALSE(estimate(pretraining));
  EXPECT_EQ(estimate(pretraining, {{cost_setting(pretraining), 0, 0.5, 8, 4, "", "", ""}}),
            3 * 4 * 0.5);
}

TEST_F(Findings, AStepCostsTheSameHoweverManyThereAre) {
  StudyTask task = finished_.plan.tasks.front();
  const std::string cost = cost_setting(task);
  task.flags["epochs"] = 99;
  task.flags["lr"] = 1;
  EXPECT_EQ(cost_setting(task), cost);
  task.flags["kernel_size"] = 3;
  EXPECT_NE(cost_setting(task), cost);
}

}  // namespace
}  // namespace convmae
