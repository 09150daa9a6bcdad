#include "convmae/classify/evaluation_files.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace convmae {
namespace {

TEST(EvaluationFiles, ConfusionsHaveTheNamesOfTheirClasses) {
  ClassificationMetrics metrics(3, Confusions::counted);
  metrics.add(at::tensor({2.F, 1.F, 0.F, 0.F, 3.F, 0.F, 5.F, 0.F, 0.F, 0.F, 0.F, 1.F}).view({4, 3}),
              std::vector<std::int64_t>{0, 1, 1, 2});
  EXPECT_EQ(confusion_csv(metrics, {"a", "b,c", "d"}),
            "class,a,\"b,c\",d\na,1,0,0\n\"b,c\",1,1,0\nd,0,0,1\n");
}

TEST(EvaluationFiles, ABlindGuessIsRecognised) {
  ClassificationMetrics blind(4);
  ClassificationMetrics seeing(4);
  for (std::int64_t i = 0; i < 40; ++i) {
    const std::vector<std::int64_t> label{i % 4};
    blind.add(at::tensor({1.F, 0.F, 0.F, 0.F}).view({1, 4}), label);
    seeing.add(at::one_hot(at::tensor(label), 4).to(at::kFloat), label);
  }
  EXPECT_TRUE(at_chance(blind));
  EXPECT_FALSE(at_chance(seeing));
}

}  // namespace
}  // namespace convmae
