#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/model_flags.h"
#include "convmae/cli/option_table.h"
#include "convmae/cli/output.h"
#include "convmae/detect/detector_cost.h"
#include "convmae/model/cost.h"
#include "convmae/segment/segmentor_cost.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
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

nlohmann::ordered_json to_json(const DetectorCost& cost) {
  return {{"name", cost.name},
          {"parameters", cost.parameters},
          {"trainable", cost.trainable},
          {"macs", cost.macs}};
}

void print_row(const DetectorCost& cost) {
  constexpr double kBillion = 1e9;
  std::printf("%-12s %12lld %12.2f\n", cost.name.c_str(), static_cast<long long>(cost.parameters),
              static_cast<double>(cost.macs) / kBillion);
}

void print_table(const DetectorConfig& config, const std::vector<DetectorCost>& parts,
                 const DetectorCost& total) {
  std::printf("%-12s %12s %12s\n", "part", "parameters", "GMAC");
  for (const DetectorCost& part : parts) print_row(part);
  print_row(total);
  const Size image = config.encoder.img_size;
  std::printf(
      "\n%lld parameters (%lld trained); an image of %lldx%lld with %lld proposals and %lld "
      "detections\n",
      static_cast<long long>(total.parameters), static_cast<long long>(total.trainable),
      static_cast<long long>(image.height), static_cast<long long>(image.width),
      static_cast<long long>(config.proposals.post_nms_topk[1]),
      static_cast<long long>(config.detection.topk_per_image));
}

class InfoCommand {
 public:
  explicit InfoCommand(CLI::App& command) : table_(command), model_(table_, name_, config_) {
    table_.group("Task");
    table_.add_command_line_only(
        "task", task_, "pretrain, detect: a detector by part, or segment: the model with UperNet");
    table_.add_command_line_only("detector", detector_,
                                 "alpha, of the paper's repository, or official");
    table_.add_command_line_only("num_classes", num_classes_,
                                 "Classes of detector or segmentor (default: as published)");
    classes_ = command.get_option("--num_classes");
    table_.group("Output");
    table_.add_command_line_only("json", json_, "Print JSON");
  }

  void run() {
    model_.resolve();
    if (task_ == "detect") return detector();
    if (task_ == "segment") return segmentor();
    if (task_ != "pretrain") {
      throw UserError("--task " + quote(task_) +
                      " is not known: choose pretrain, detect or segment");
    }
    validate(config_);
    print(convmae::to_json(config_), layer_costs(config_));
  }

 private:
  /// What flags say of the configuration of a dense task; the rest is as published.
  template <typename Config>
  void adopt_flags(Config& config) const {
    model_.adopt_encoder(config);
    if (classes_->count() != 0) config.num_classes = num_classes_;
    validate(config);
  }

  void segmentor() {
    SegmentorConfig config = segmentor_preset(name_);
    adopt_flags(config);
    print(convmae::to_json(config), layer_costs(config));
  }

  void print(const std::string& config, const std::vector<LayerCost>& layers) const {
    const LayerCost total = total_cost(layers);
    if (!json_) return print_table(layers, total);
    nlohmann::ordered_json json;
    json["model"] = name_;
    json["config"] = nlohmann::ordered_json::parse(config);
    for (const LayerCost& layer : layers) json["layers"].push_back(to_json(layer));
    json["total"] = to_json(total);
    print_json(json);
  }

  void detector() {
    DetectorConfig config = detector_preset(detector_, name_);
    adopt_flags(config);
    const std::vector<DetectorCost> parts = detector_costs(config);
    const DetectorCost total = total_cost(parts);
    if (!json_) return print_table(config, parts, total);
    nlohmann::ordered_json json;
    json["model"] = name_;
    json["detector"] = detector_;
    json["config"] = nlohmann::ordered_json::parse(convmae::to_json(config));
    for (const DetectorCost& part : parts) json["parts"].push_back(to_json(part));
    json["total"] = to_json(total);
    print_json(json);
  }

  std::string name_ = "base";
  ModelConfig config_;
  CLI::Option* classes_ = nullptr;
  std::string task_ = "pretrain";
  std::string detector_ = "alpha";
  std::int64_t num_classes_ = 0;
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
