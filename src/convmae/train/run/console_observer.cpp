#include "convmae/train/run/console_observer.h"

#include "convmae/report/format.h"

#include <algorithm>
#include <string>

namespace convmae {

void ConsoleObserver::stepped(const StepRecord& record, const Moment& now) {
  if (now.gave_up) return;
  recent_loss_.add(record.loss);
  double eta = now.speed.seconds_per_step * static_cast<double>(now.steps_left());
  if (max_seconds_ > 0) eta = std::min(eta, max_seconds_ - seconds_());
  line_.update({.epoch = now.position.epoch + 1,
                .epochs = now.epochs,
                .step = now.position.step,
                .steps = now.steps_per_epoch,
                .run_step = now.position.global_step,
                .run_steps = now.in_steps ? now.steps : 0,
                .loss = recent_loss_.median(),
                .loss_mean = now.position.loss_count > 0 ? now.mean_loss() : recent_loss_.median(),
                .lr = record.lr,
                .images_per_second = now.speed.images_per_second,
                .data_share = now.speed.wait_share,
                .eta_seconds = eta});
}

void ConsoleObserver::evaluated(const Moment& now, const Scores& scores) {
  std::string text = "epoch " + format_number(now.epoch) + "/" + std::to_string(now.epochs);
  if (now.in_steps) {
    text = "step " + std::to_string(now.position.global_step) + "/" + std::to_string(now.steps) +
           "  epoch " + format_number(now.epoch);
  }
  text += "  loss " + format_fixed(now.mean_loss(), 4);
  for (const std::string& remark : scores.remarks) text += "  " + remark;
  text += "  " + format_number(now.speed.epoch_images_per_second, 3) + " images/s  waiting " +
          format_share(now.speed.epoch_wait_share);
  if (now.position.skipped_in_epoch > 0) {
    text += "  skipped " + std::to_string(now.position.skipped_in_epoch) + " steps";
  }
  line_.message(text);
}

}  // namespace convmae
