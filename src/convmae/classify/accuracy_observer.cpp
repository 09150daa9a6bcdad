#include "convmae/classify/accuracy_observer.h"

#include "convmae/base/stopwatch.h"
#include "convmae/classify/evaluation_files.h"
#include "convmae/report/format.h"
#include "convmae/train/run/run_setup.h"

#include <utility>

namespace convmae {
namespace {

nlohmann::ordered_json values_of(const ClassificationMetrics& metrics) {
  return {{"test_acc1", 100 * metrics.top1()},
          {"test_acc5", 100 * metrics.top5()},
          {"test_loss", metrics.loss()},
          {"test_images", metrics.images()}};
}

std::string text_of(const ClassificationMetrics& metrics) {
  return "top-1 " + format_share(metrics.top1()) + "  top-5 " + format_share(metrics.top5()) +
         "  loss " + format_fixed(metrics.loss(), 4);
}

}  // namespace

AccuracyObserver::AccuracyObserver(Run& run, const ClassifierOptions& options,
                                   std::shared_ptr<const ImageSource> images, Evaluate evaluate,
                                   bool should_know_classes)
    : run_(run),
      options_(options),
      images_(std::move(images)),
      evaluate_(std::move(evaluate)),
      should_know_classes_(should_know_classes) {}

void AccuracyObserver::begin(const Moment& /*now*/) {
  if (!run_.is_new()) return;
  const ClassificationMetrics metrics = measure();
  run_.log().extend_header("val", values_of(metrics));
  run_.say("held-out images, untrained: " + text_of(metrics));
}

void AccuracyObserver::evaluate(const Moment& now, Scores& scores) {
  if (!now.evaluation_due) return;
  const ClassificationMetrics metrics = measure();
  scores.values.update(values_of(metrics));
  scores.remarks.push_back("held-out: " + text_of(metrics));
  scores.score = -metrics.top1();
  scores.scored_on = held_out_digest(options_, *images_);
}

ClassificationMetrics AccuracyObserver::measure() {
  const Stopwatch watch(seconds_);
  ClassificationMetrics metrics = evaluate_();
  if (should_know_classes_ && at_chance(metrics)) {
    run_.say(
        "warning: --init has a head for these classes, but it does no better than a blind guess: "
        "its classes may be others, or numbered otherwise");
  }
  should_know_classes_ = false;
  return metrics;
}

}  // namespace convmae
