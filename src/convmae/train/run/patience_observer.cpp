#include "convmae/train/run/patience_observer.h"

#include <cmath>

namespace convmae {
namespace {

constexpr const char* kScore = "score";

}  // namespace

PatienceObserver::PatienceObserver(std::int64_t patience,
                                   const std::vector<nlohmann::ordered_json>& epochs)
    : patience_(patience) {
  for (const nlohmann::ordered_json& line : epochs) {
    const auto score = line.find(kScore);
    if (score != line.end() && score->is_number()) count(score->get<double>());
  }
}

void PatienceObserver::evaluate(const Moment& /*now*/, Scores& scores) {
  if (patience_ == 0 || !scores.score) return;
  scores.values[kScore] = *scores.score;
  count(*scores.score);
}

void PatienceObserver::count(double score) {
  const bool better = std::isfinite(score) && (!best_ || score < *best_);
  if (better) best_ = score;
  in_vain_ = better ? 0 : in_vain_ + 1;
}

}  // namespace convmae
