#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/model_flags.h"
#include "convmae/cli/option_table.h"
#include "convmae/cli/output.h"
#include "convmae/model/cost.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <string>
#include <vector>

namespace convmae {
namespace {

nlohmann::ordered_json to_json(const LayerCost& cost) {
  return {{"name", cost.name},
          {"parameters", cost.parameters},
          {"trainable", cost.trainable},
          {"dense_macs", cost.dense_macs},
          {"visible_macs", cost.visible_macs}};
}

void print_row(const LayerCost& cost) {
  constexpr double kMillion = 1e6;
  std::printf("%-24s %12lld %14.2f %14.2f\n", cost.name.c_str(),
              static_cast<long long>(cost.parameters),
              static_cast<double>(cost.dense_macs) / kMillion,
              static_cast<double>(cost.visible_macs) / kMillion);
}

void print_table(const std::vector<LayerCost>& layers, const LayerCost& total) {
  std::printf("%-24s %12s %14s %14s\n", "layer", "parameters", "dense MMAC", "visible MMAC");
  for (const LayerCost& layer : layers) print_row(layer);
  print_row(total);
  constexpr double kBillion = 1e9;
  std::printf(
      "\n%lld parameters (%lld trained); forward pass of an image: %.2f GMAC dense, %.2f GMAC on "
      "visible blocks alone\n",
      static_cast<long long>(total.parameters), static_cast<long long>(total.trainable),
      static_cast<double>(total.dense_macs) / kBillion,
      static_cast<double>(total.visible_macs) / kBillion);
}

class InfoCommand {
 public:
  explicit InfoCommand(CLI::App& command) : table_(command), model_(table_, name_, config_) {
    table_.group("Output");
    table_.add_command_line_only("json", json_, "Print JSON");
  }

  void run() {
    model_.resolve();
    validate(config_);
    const std::vector<LayerCost> layers = layer_costs(config_);
    const LayerCost total = total_cost(layers);
    if (!json_) return print_table(layers, total);
    nlohmann::ordered_json json;
    json["model"] = name_;
    json["config"] = nlohmann::ordered_json::parse(convmae::to_json(config_));
    for (const LayerCost& layer : layers) json["layers"].push_back(to_json(layer));
    json["total"] = to_json(total);
    print_json(json);
  }

 private:
  std::string name_ = "base";
  ModelConfig config_;
  bool json_ = false;
  OptionTable table_;
  ModelFlags model_;
};

}  // namespace

void add_info(CLI::App& app) {
  CLI::App& command = add_command<InfoCommand>(
      app, "info", "Parameters and multiply-accumulates of a model, layer by layer");
  add_example(command, "convmae info --model base");
}

}  // namespace convmae
