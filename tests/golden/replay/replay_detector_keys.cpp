#include "convmae/detect/detector.h"
#include "convmae/detect/detector_groups.h"

#include "golden/replay/replays.h"
#include <string>
#include <string_view>

namespace convmae::golden {
namespace {

const char* type_name(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kLong ? "int64" : "float32";
}

Json state_entry(const std::string& name, const std::vector<std::int64_t>& shape,
                 const char* type) {
  return {name, shape, type};
}

/// What published files have beside a table of relative positions, which follows from its grid: for
/// every pair of places the row of the table.
Json index_of(const std::string& module, const DetectorConfig& config) {
  const Size grid = module.find("windowed") == std::string::npos
                        ? geometry_of(config.encoder).grid()
                        : Size{config.window.side, config.window.side};
  const std::int64_t places = grid.height * grid.width;
  return state_entry(module + "relative_position_index", {places, places}, "int64");
}

/// The state dict of a module in its order: its own parameters, its statistics, its parts.
void list_state(const torch::nn::Module& module, const std::string& prefix,
                const DetectorConfig& config, Json& state) {
  const auto add = [&](const auto& items) {
    for (const auto& item : items) {
      state.push_back(
          state_entry(prefix + item.key(), item.value().sizes().vec(), type_name(item.value())));
      if (item.key() == "relative_position_bias_table") state.push_back(index_of(prefix, config));
    }
  };
  add(module.named_parameters(/*recurse=*/false));
  add(module.named_buffers(/*recurse=*/false));
  for (const auto& child : module.named_children()) {
    list_state(*child.value(), prefix + child.key() + ".", config, state);
  }
}

std::int64_t count_parameters(const torch::nn::Module& module, std::string_view prefix) {
  std::int64_t total = 0;
  for (const auto& item : module.named_parameters()) {
    if (item.key().starts_with(prefix)) total += item.value().numel();
  }
  return total;
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
    ours["params_total"] = count_parameters(detector, "");
    ours["backbone_params"] = count_parameters(detector, "backbone.");
    if (name == "alpha") {
      ours["bottom_up_params"] = count_parameters(detector, "backbone.bottom_up.");
      ours["frozen"] = Json::array();
      for (const auto& item : detector.named_parameters()) {
        if (!item.value().requires_grad()) ours["frozen"].push_back(item.key());
      }
    } else {
      ours["net_params"] = count_parameters(detector, "backbone.net.");
      ours["lr_decay_0.8"] = layer_factors(detector, config.encoder.depth[2]);
    }
    ours["state_dict"] = Json::array();
    list_state(detector, "", config, ours["state_dict"]);
  }
  return replay;
}

}  // namespace convmae::golden
