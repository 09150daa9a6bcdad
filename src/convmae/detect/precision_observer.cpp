#include "convmae/detect/precision_observer.h"

#include "convmae/base/stopwatch.h"
#include "convmae/train/run/run_setup.h"

#include <utility>

namespace convmae {

PrecisionObserver::PrecisionObserver(Run& run, const DetectOptions& options,
                                     const DetectionImages& images, Evaluate evaluate,
                                     bool knows_classes)
    : run_(run),
      options_(options),
      images_(images),
      evaluate_(std::move(evaluate)),
      knows_classes_(knows_classes) {}

void PrecisionObserver::begin(const Moment& /*now*/) {
  if (!run_.is_new() || !knows_classes_) return;
  const Stopwatch watch(seconds_);
  const DetectionScores scores = evaluate_();
  run_.log().extend_header("val", scores.values());
  run_.say("held-out images, before training: " + scores.text());
}

void PrecisionObserver::evaluate(const Moment& now, Scores& scores) {
  if (!now.evaluation_due) return;
  const Stopwatch watch(seconds_);
  const DetectionScores found = evaluate_();
  scores.values.update(found.values());
  scores.remarks.push_back("held-out: " + found.text());
  if (const std::optional<double> score = found.score(options_.best_by)) scores.score = -*score;
  scores.scored_on = held_out_digest(options_, *images_.held_out, images_.held_out_digest);
}

}  // namespace convmae
