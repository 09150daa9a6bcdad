#include "convmae/model/encoder/position_embedding.h"
#include "convmae/optim/schedule.h"

#include <ATen/ATen.h>

#include "golden/replay/replays.h"
#include <cmath>
#include <sstream>
#include <utility>

namespace convmae::golden {

// A combination is [dim, grid, class token] or [dim, grid_h, grid_w, class token].
Replay replay_sincos(const GoldenFile& file) {
  Replay replay;
  for (const Json& combo : file.config().at("combos")) {
    const auto dim = combo.at(0).get<std::int64_t>();
    const Size grid{combo.at(1).get<std::int64_t>(),
                    combo.at(combo.size() - 2).get<std::int64_t>()};
    const bool class_token = combo.at(combo.size() - 1).get<bool>();
    std::ostringstream name;
    name << "out.dim" << dim << "_grid" << grid.height;
    if (combo.size() == 4) name << "x" << grid.width;
    name << "_cls" << class_token;
    replay.tensors[name.str()] = sincos_position_table(dim, grid, class_token);
  }
  return replay;
}

Replay replay_lr_schedule(const Json& golden) {
  const std::string scaled = "lr_group_scaled_";
  Replay replay;
  replay.inputs = {"reference",          "schedules.*.lr",
                   "schedules.*.min_lr", "schedules.*.warmup_epochs",
                   "schedules.*.epochs", "schedules.*.points.*.epoch"};
  Json& schedules = replay.numbers.emplace(Json::object())["schedules"] = Json::array();
  for (const Json& entry : golden.at("schedules")) {
    LearningRateSchedule schedule;
    schedule.lr = entry.at("lr").get<double>();
    schedule.min_lr = entry.at("min_lr").get<double>();
    schedule.warmup = entry.at("warmup_epochs").get<double>();
    schedule.length = entry.at("epochs").get<double>();
    Json ours = {{"lr", schedule.lr},
                 {"min_lr", schedule.min_lr},
                 {"warmup_epochs", schedule.warmup},
                 {"epochs", schedule.length},
                 {"points", Json::array()}};
    for (const Json& point : entry.at("points")) {
      const double lr = schedule.at(point.at("epoch").get<double>());
      Json& computed = ours["points"].emplace_back(Json{{"epoch", point.at("epoch")}, {"lr", lr}});
      for (const auto& item : point.items()) {
        if (!item.key().starts_with(scaled)) continue;
        // "lr_group_scaled_0.65^3": the rate of a group whose scale is 0.65 cubed
        const std::string power = item.key().substr(scaled.size());
        const auto caret = power.find('^');
        computed[item.key()] =
            lr * std::pow(std::stod(power.substr(0, caret)), std::stod(power.substr(caret + 1)));
      }
    }
    schedules.push_back(std::move(ours));
  }
  return replay;
}

}  // namespace convmae::golden
