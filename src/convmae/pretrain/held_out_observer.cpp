#include "convmae/pretrain/held_out_observer.h"

#include "convmae/base/stopwatch.h"
#include "convmae/report/format.h"
#include "convmae/train/run/run_setup.h"

#include <string>
#include <utility>

namespace convmae {

HeldOutObserver::HeldOutObserver(Run& run, PretrainTask& task, const PretrainOptions& options,
                                 std::shared_ptr<const ImageSource> images)
    : run_(run), task_(task), options_(options), images_(std::move(images)) {}

void HeldOutObserver::begin(const Moment& /*now*/) {
  if (run_.is_new()) {
    untrained_ = measure();
    run_.log().extend_header("val", {{"images", untrained_->images},
                                     {"untrained_loss", untrained_->loss},
                                     {"baseline_loss", untrained_->baseline}});
  } else {
    const auto val = run_.log().header().value("val", nlohmann::ordered_json());
    if (!val.is_object()) return;
    untrained_ = Evaluation{val.value("images", std::int64_t{0}), val.value("untrained_loss", 0.0),
                            val.value("baseline_loss", 0.0)};
  }
  run_.say("held-out images: " + std::to_string(untrained_->images) + ", loss untrained " +
           format_number(untrained_->loss) + ", without learning " +
           format_number(untrained_->baseline));
}

void HeldOutObserver::evaluate(const Moment& now, Scores& scores) {
  if (!now.evaluation_due) return;
  const Evaluation found = measure();
  scores.values["val_loss"] = found.loss;
  scores.remarks.push_back("held-out " + format_fixed(found.loss, 4));
  scores.score = found.loss;
  scores.scored_on = held_out_digest(options_, *images_);
}

Evaluation HeldOutObserver::measure() {
  const Stopwatch watch(seconds_);
  return convmae::evaluate(*task_.model(), options_, images_,
                           run_.reading_of_all(images_->size(), "held-out images"));
}

}  // namespace convmae
