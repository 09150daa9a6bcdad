#include "convmae/detect/detector.h"
#include "convmae/detect/detector_groups.h"

#include "golden/replay/module_state.h"
#include "golden/replay/replays.h"
#include <string>

namespace convmae::golden {
namespace {

/// What published files have beside a table of relative positions, which follows from its grid: for
/// every pair of places the row of the table.
Json index_of(const std::string& module, const DetectorConfig& config) {
  const Size grid = module.find("windowed") == std::string::npos
                        ? geometry_of(config.encoder).grid()
                        : Size{config.window.side, config.window.side};
  const std::int64_t places = grid.height * grid.width;
  return state_entry(module + "relative_position_index", {places, places}, "int64");
}

Json layer_factors(const torch::nn::Module& module, std::int64_t num_layers) {
  constexpr double kLayerDecay = 0.8;
  Json by_name = Json::object();
  for (const ParamGroup& group : detector_groups(module, 0.1, kLayerDecay, num_layers)) {
    for (const std::string& name : group.names) by_name[name] = group.lr_scale;
  }
  return by_name;
}

}  // namespace

Replay replay_detector_keys(const Json& golden) {
  Replay replay;
  replay.numbers = Json::object();
  for (const auto& [title, expected] : golden.items()) {
    const std::string name = title.substr(0, title.find(' '));
    const DetectorConfig config = detector_preset(name);
    const Detector detector(config);
    Json& ours = (*replay.numbers)[title];
    ours["params_total"] = count_parameters(detector);
    ours["backbone_params"] = count_parameters(detector, "backbone.");
    if (name == "alpha") {
      ours["bottom_up_params"] = count_parameters(detector, "backbone.bottom_up.");
      ours["frozen"] = frozen_parameters(detector);
    } else {
      ours["net_params"] = count_parameters(detector, "backbone.net.");
      ours["lr_decay_0.8"] = layer_factors(detector, config.encoder.depth[2]);
    }
    ours["state_dict"] = state_of(detector, [&](const std::string& tensor, Json& state) {
      const std::size_t table = tensor.rfind("relative_position_bias_table");
      if (table != std::string::npos) state.push_back(index_of(tensor.substr(0, table), config));
    });
  }
  return replay;
}

}  // namespace convmae::golden
