#include "convmae/train/run/patience_observer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace convmae {
namespace {

using Lines = std::vector<nlohmann::ordered_json>;

/// The number of the evaluation with which it had seen enough; 0 for none. Adds to the log.
std::size_t enough_after(PatienceObserver& observer, const std::vector<double>& values,
                         Lines& log) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    Scores scores;
    scores.score = values[i];
    observer.evaluate({}, scores);
    log.push_back(scores.values);
    if (observer.has_seen_enough()) return i + 1;
  }
  return 0;
}

TEST(PatienceObserver, CountsEvaluationsSinceTheBest) {
  Lines log;
  PatienceObserver observer(2, {});
  EXPECT_EQ(enough_after(observer, {-0.1, -0.2, -0.2, -0.3, -0.2, -0.3}, log), 6);
}

TEST(PatienceObserver, GoesOnFromTheLog) {
  Lines log;
  PatienceObserver first(3, {});
  EXPECT_EQ(enough_after(first, {-0.5, -0.4}, log), 0);
  log.push_back({{"train_loss", 1.0}});  // nothing was evaluated there
  PatienceObserver second(3, log);
  EXPECT_EQ(enough_after(second, {-0.3, -0.2}, log), 2);
  EXPECT_TRUE(PatienceObserver(3, log).has_seen_enough());
  EXPECT_FALSE(PatienceObserver(4, log).has_seen_enough());
}

TEST(PatienceObserver, ANumberThatIsNoneIsNotBetter) {
  Lines log;
  PatienceObserver observer(2, {});
  EXPECT_EQ(enough_after(observer, {std::numeric_limits<double>::quiet_NaN(), 3, 4, 5}, log), 4);
}

TEST(PatienceObserver, IsEndlessUnlessAskedFor) {
  Lines log;
  PatienceObserver observer(0, {});
  EXPECT_EQ(enough_after(observer, std::vector<double>(50, 1.0), log), 0);
  EXPECT_TRUE(log.back().empty());
  PatienceObserver another(1, {});
  Scores nothing;
  for (int i = 0; i < 9; ++i) another.evaluate({}, nothing);
  EXPECT_FALSE(another.has_seen_enough());
}

}  // namespace
}  // namespace convmae
