#include "convmae/pretrain/probe_observer.h"

#include "convmae/base/stopwatch.h"
#include "convmae/report/format.h"

#include <string>
#include <utility>

namespace convmae {

ProbeObserver::ProbeObserver(Run& run, PretrainTask& task, KnnProbe probe, std::int64_t every)
    : run_(run), task_(task), probe_(std::move(probe)), every_(every) {}

void ProbeObserver::begin(const Moment& now) {
  if (run_.is_new()) {
    const KnnProbe::Score score = measure();
    first_ = ProbeContext{score.images, probe_.classes(), score.top1};
    run_.log().extend_header("probe", {{"images", score.images},
                                       {"classes", probe_.classes()},
                                       {"knn_top1_at_start", score.top1}});
    run_.log().add_scalar("knn_top1", score.top1, now.epoch);
  } else {
    const auto probe = run_.log().header().value("probe", nlohmann::ordered_json());
    if (!probe.is_object()) return;
    first_ = ProbeContext{probe.value("images", probe_.size()), probe_.classes(),
                          probe.value("knn_top1_at_start", 0.0)};
  }
  run_.say("nearest neighbours of " + std::to_string(first_->images) +
           " images at the start: " + format_fixed(100 * first_->first_top1, 1) + " %");
}

void ProbeObserver::evaluate(const Moment& now, Scores& scores) {
  if (!now.due(every_)) return;
  const double top1 = measure().top1;
  scores.values["knn_top1"] = top1;
  scores.remarks.push_back("kNN " + format_fixed(100 * top1, 1) + " %");
}

KnnProbe::Score ProbeObserver::measure() {
  const Stopwatch watch(seconds_);
  return probe_.score(task_.model(), run_.reading_of_all(probe_.size(), "images of the probe"));
}

}  // namespace convmae
