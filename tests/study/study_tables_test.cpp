#include "convmae/study/study_tables.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "study/studies.h"
#include <string>
#include <vector>

namespace convmae {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Neighbours alone, of both arms with both seeds.
std::vector<ResultLine> lines_of(const StudyPlan& plan) {
  std::vector<ResultLine> lines;
  for (const StudyTask& task : plan.tasks) {
    if (task.command == "finetune") continue;
    const TaskUse& use = task.uses.front();
    ResultLine line;
    line.use = use;
    line.task = task.key;
    line.outcome.value = (use.arm == "masked" ? 60 : 50) + static_cast<double>(use.seed);
    line.outcome.cpu_seconds = 90;
    line.outcome.cpu = "a CPU";
    lines.push_back(line);
  }
  return lines;
}

TEST(StudyTables, HaveMeanErrorAndDifference) {
  const test::TemporaryDirectory directory;
  const Study study = test::study_of(directory, test::kSmallStudy);
  const StudyPlan plan = plan_of({study});
  const StudyFindings findings(study, plan, lines_of(plan), {});
  const Table scores = score_table(study, findings);
  EXPECT_THAT(scores.header, ElementsAre("arm", "knn, %", "difference", "tuned, %", "difference",
                                         "pretraining, CPU minutes"));
  EXPECT_THAT(scores.rows[0], ElementsAre("without", "50.50 ± 0.50 (2)", "", "-", "", "1.5"));
  EXPECT_THAT(scores.rows[1], ElementsAre("masked", "60.50 ± 0.50 (2)", "+10.00 [+10.00, +10.00]",
                                          "-", "-", "1.5"));
  EXPECT_THAT(
      claim_table(study, findings).rows[0],
      ElementsAre("Masks help.", "knn: masked less without", "+10.00 [+10.00, +10.00]", "holds"));
  const std::string page = markdown_of(study, findings);
  EXPECT_THAT(page,
              HasSubstr("| masked | 60.50 ± 0.50 (2) | +10.00 [+10.00, +10.00] | - | - | 1.5 |\n"));
  EXPECT_THAT(page, HasSubstr("8 of 16 results; a CPU."));
}

TEST(StudyTables, KeepBarsInTheirCells) {
  EXPECT_EQ(markdown_of(Table{"", {"a", "b"}, {{"1|2", "3"}}}),
            "| a | b |\n|---|---:|\n| 1\\|2 | 3 |\n");
}

TEST(StudyTables, GoBetweenTheMarkersOfAPage) {
  const std::string page = "before\n<!-- study: begin -->old<!-- study: end -->\nafter\n";
  const std::string once = with_generated(page, "new\n", "page.md");
  EXPECT_EQ(once, "before\n<!-- study: begin -->\n\nnew\n\n<!-- study: end -->\nafter\n");
  EXPECT_EQ(with_generated(once, "new\n", "page.md"), once);
  for (const std::string bad : {"", "<!-- study: end --><!-- study: begin -->",
                                "<!-- study: begin --><!-- study: begin --><!-- study: end -->"}) {
    EXPECT_THROW(with_generated(bad, "new", "page.md"), UserError) << bad;
  }
}

}  // namespace
}  // namespace convmae
