#include "convmae/train/step_guard.h"

#include <gtest/gtest.h>

#include <limits>

namespace convmae {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(StepGuard, AdmitsOnlyFiniteSteps) {
  StepGuard guard(0);
  EXPECT_TRUE(guard.admit(1.0, 2.0));
  EXPECT_FALSE(guard.admit(kNan, 2.0));
  EXPECT_FALSE(guard.admit(1.0, kInfinity));
  EXPECT_EQ(guard.skipped(), 2);
}

TEST(StepGuard, GivesUpAfterSoManyInARow) {
  StepGuard guard(3);
  for (int i = 0; i < 2; ++i) guard.admit(kNan, kNan);
  EXPECT_FALSE(guard.gave_up());
  guard.admit(1, 1);
  for (int i = 0; i < 2; ++i) guard.admit(kNan, kNan);
  EXPECT_FALSE(guard.gave_up());
  guard.admit(kNan, kNan);
  EXPECT_TRUE(guard.gave_up());
  EXPECT_EQ(guard.skipped(), 5);
}

TEST(StepGuard, WithoutLimitNeverGivesUp) {
  StepGuard guard(0);
  for (int i = 0; i < 100; ++i) guard.admit(kNan, kNan);
  EXPECT_FALSE(guard.gave_up());
}

TEST(StepGuard, CountsContinueAfterARestore) {
  StepGuard guard(3);
  guard.restore(7, 2);
  guard.admit(kNan, kNan);
  EXPECT_EQ(guard.skipped(), 8);
  EXPECT_TRUE(guard.gave_up());
}

}  // namespace
}  // namespace convmae
