#include "convmae/train/run/log_observer.h"

namespace convmae {

void LogObserver::begin(const Moment& /*now*/) {
  // A run that continues goes on counting where its log ends.
  if (!log_.epochs().empty()) cpu_seconds_ = log_.epochs().back().value("cpu_seconds", 0.0);
  watch_ = CpuStopwatch();
}

void LogObserver::evaluated(const Moment& now, const Scores& scores) {
  nlohmann::ordered_json json;
  json["train_loss"] = now.mean_loss();
  json["train_lr"] = now.mean_lr;
  for (const auto& [key, value] : scores.values.items()) {
    json[key] = value;
    if (value.is_number_float()) log_.add_scalar(key, value.get<double>(), now.epoch);
  }
  json["epoch"] = now.position.epoch;
  json["n_parameters"] = parameters_;
  json["epochs_done"] = now.epoch;
  json["step"] = now.position.global_step;
  json["skipped_steps"] = now.position.skipped_in_epoch;
  json["seconds"] = now.speed.epoch_seconds;
  json["cpu_seconds"] = cpu_seconds_;
  json["images_per_second"] = now.speed.epoch_images_per_second;
  json["data_share"] = now.speed.epoch_wait_share;
  if (!now.epoch_complete()) json["incomplete"] = true;
  log_.add_epoch(json);
  watch_ = CpuStopwatch();
}

}  // namespace convmae
