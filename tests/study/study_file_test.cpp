#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "study/studies.h"
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string with(std::string_view old, std::string_view now) {
  std::string text(test::kSmallStudy);
  return text.replace(text.find(old), old.size(), now);
}

std::string error_of(std::string_view text) {
  const test::TemporaryDirectory directory;
  try {
    test::study_of(directory, text);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

TEST(StudyFile, SaysWhatIsCompared) {
  const test::TemporaryDirectory directory;
  const Study study = test::study_of(directory, test::kSmallStudy);
  EXPECT_EQ(study.name, "small");
  EXPECT_EQ(study.title, "A study");
  EXPECT_THAT(study.seeds, ElementsAre(0, 1));
  ASSERT_EQ(study.arms.size(), 2U);
  EXPECT_EQ(study.arms[0].label, "without");
  EXPECT_EQ(study.arms[1].label, "masked");
  EXPECT_THAT(study.arms[1].evaluations, ElementsAre("knn", "tuned"));
  EXPECT_EQ(study.evaluation("tuned").draws, 2);
  EXPECT_EQ(study.evaluation("tuned").flags,
            nlohmann::ordered_json({{"data", "labelled-{seed}-{draw}"}}));
}

TEST(StudyFile, TakesFromItsBaseWhatItDoesNotSay) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "base.toml", test::kSmallStudy);
  const Study study = test::study_of(directory, R"(
base = "base.toml"
seeds = [3]
evaluate = ["knn"]
[pretrain]
epochs = 5
[arms.plain]
label = "plain"
)");
  EXPECT_THAT(study.seeds, ElementsAre(3));
  EXPECT_EQ(study.pretrain, nlohmann::ordered_json({{"epochs", 5}, {"data", "images"}}));
  EXPECT_EQ(study.arm("plain").label, "plain");
  EXPECT_EQ(study.arm("plain").pretrain["masked_conv"], false);
  ASSERT_EQ(study.evaluations.size(), 1U);  // what no arm asks for is left out
}

TEST(StudyFile, NamesWhatIsWrongInOneLine) {
  const std::vector<std::pair<std::string, std::string>> bad{
      {"title = [", "line 1"},
      {with("seeds", "seds"), "unknown key 'seds' in the study"},
      {with("seeds = 2", "seeds = 0"), "'seeds' must be from 1"},
      {with("seeds = 2", "seeds = [1, 1]"), "different"},
      {with("title = \"A study\"", "title = 3"), "unusable value of 'title'"},
      {with("baseline = \"plain\"", "baseline = \"plan\""), "names the arm 'plan'"},
      {with("command = \"knn\"", "command = \"kn\""), "found 'kn'"},
      {with("data = \"labelled\"", "test = \"labelled\""), "only linprobe and finetune"},
      {with("draws = 2", "draws = 0"), "'draws'"},
      {with("data = \"images\"", "seed = 4"), "'seed', which the study itself decides"},
      {with("epochs = 3", "epochs = { a = 1 }"), "'epochs' must be a word"},
      {with("label = \"without\"", "lable = \"without\""), "unknown key 'lable' in [arms.plain]"},
      {with("evaluation = \"knn\"", "evaluation = \"nn\""), "names the evaluation 'nn'"},
      {with("worse = \"plain\"", "worse = \"none\""), "'worse' names the arm 'none'"},
      {"[arms.one]", "expected evaluations"},
      {"[evaluations.knn]\ncommand = \"knn\"", "expected arms"},
      {with("title", "base = \"missing.toml\"\ntitle"), "missing.toml"},
  };
  for (const auto& [text, message] : bad) {
    const std::string error = error_of(text);
    EXPECT_THAT(error, HasSubstr(message));
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(StudyFile, KeepsTheOrderOfItsArms) {
  const test::TemporaryDirectory directory;
  const Study study = test::study_of(directory, R"(
[evaluations.knn]
command = "knn"
[arms.z]
[arms.b]
[arms.a]
)");
  EXPECT_EQ(study.arms[0].name + study.arms[1].name + study.arms[2].name, "zba");
  EXPECT_EQ(study.baseline, "z");
}

}  // namespace
}  // namespace convmae
