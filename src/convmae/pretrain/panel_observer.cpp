#include "convmae/pretrain/panel_observer.h"

#include "convmae/base/stopwatch.h"
#include "convmae/train/run/run_pictures.h"

#include <string>
#include <utility>

namespace convmae {

PanelObserver::PanelObserver(Run& run, PretrainTask& task, SamplePanel panel, std::int64_t every)
    : run_(run), task_(task), panel_(std::move(panel)), every_(every) {}

void PanelObserver::begin(const Moment& now) {
  if (run_.is_new()) draw(now.epoch);
}

void PanelObserver::evaluate(const Moment& now, Scores& /*scores*/) {
  if (now.due(every_)) draw(now.epoch);
}

void PanelObserver::draw(double epoch) {
  if (panel_.empty() || !run_.is_first()) return;
  const Stopwatch watch(seconds_);
  const Picture picture = panel_.draw(*task_.model(), missing_fonts_);
  const std::string advice = missing_fonts_.advice();
  if (!advice.empty()) run_.say("warning: " + advice);
  keep_picture(run_, "reconstructions", picture, epoch);
}

}  // namespace convmae
