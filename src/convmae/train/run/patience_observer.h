#pragma once

#include "convmae/train/observer.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace convmae {

/// Has seen enough after so many evaluations in a row whose score was not better than the best. It
/// hears scores after those who make them, and keeps them in the log, from which a run that
/// continues knows them.
class PatienceObserver : public Observer {
 public:
  /// `patience` 0: endless. `epochs`: the log's lines so far.
  PatienceObserver(std::int64_t patience, const std::vector<nlohmann::ordered_json>& epochs);

  void evaluate(const Moment& now, Scores& scores) override;
  bool has_seen_enough() const override { return patience_ > 0 && in_vain_ >= patience_; }

 private:
  void count(double score);

  std::int64_t patience_;
  std::optional<double> best_;
  std::int64_t in_vain_ = 0;  ///< evaluations since the best
};

}  // namespace convmae
