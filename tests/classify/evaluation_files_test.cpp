#include "convmae/classify/evaluation_files.h"

#include <gtest/gtest.h>

#include <vector>

namespace convmae {
namespace {

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
