#include "convmae/classify/evaluation_files.h"

#include <gtest/gtest.h>

#include <vector>

namespace convmae {
namespace {

TEST(EvaluationFiles, ConfusionsHaveTheNamesOfTheirClasses) {
  ClassificationMetrics metrics(3, Confusions::counted);
  metrics.add(std::vector<float>{2, 1, 0, 0, 3, 0, 5, 0, 0, 0, 0, 1},
              std::vector<std::int64_t>{0, 1, 1, 2});
  EXPECT_EQ(confusion_csv(metrics, {"a", "b,c", "d"}),
            "class,a,\"b,c\",d\na,1,0,0\n\"b,c\",1,1,0\nd,0,0,1\n");
}

TEST(EvaluationFiles, ABlindGuessIsRecognised) {
  ClassificationMetrics blind(4);
  ClassificationMetrics seeing(4);
  for (std::int64_t i = 0; i < 40; ++i) {
    const std::vector<std::int64_t> label{i % 4};
    blind.add(std::vector<float>{1, 0, 0, 0}, label);
    std::vector<float> logits(4);
    logits[static_cast<std::size_t>(i % 4)] = 1;
    seeing.add(logits, label);
  }
  EXPECT_TRUE(at_chance(blind));
  EXPECT_FALSE(at_chance(seeing));
}

}  // namespace
}  // namespace convmae
