#include "convmae/optim/param_groups.h"

#include "golden/replay/replays.h"
#include <cstdlib>

namespace convmae::golden {
namespace {

/// "convvit_base_patch16(global_pool=True), 1000 classes"
ClassifierConfig described_classifier(const std::string& text) {
  const std::string family = "convvit_";
  const std::size_t begin = text.starts_with(family) ? family.size() : 0;
  ClassifierConfig config;
  config.encoder =
      model_preset(text.substr(begin, text.find('_', begin) - begin), Method::convmae).encoder;
  config.pool = text.find("global_pool=False") == std::string::npos ? Pool::mean : Pool::token;
  const std::size_t comma = text.find("), ");
  config.num_classes =
      comma == std::string::npos ? 1000 : std::strtoll(text.c_str() + comma + 3, nullptr, 10);
  return config;
}

}  // namespace

Replay replay_layer_decay(const Json& golden) {
  Classifier classifier(described_classifier(golden.at("model").get<std::string>()));
  const std::int64_t layers = classifier.encoder().num_layers();
  Replay replay;
  replay.inputs = {"reference", "model", "weight_decay"};
  Json& numbers = replay.numbers.emplace(
      Json{{"model", golden.at("model")}, {"weight_decay", golden.at("weight_decay")}});
  for (const auto& item : golden.at("layer_decay").items()) {
    Json& result = numbers["layer_decay"][item.key()] =
        Json{{"groups", Json::array()}, {"of", Json::object()}};
    std::int64_t number = 0;
    for (const ParamGroup& group : layer_decay_groups(
             classifier, golden.at("weight_decay").get<double>(), std::stod(item.key()), layers)) {
      result["groups"].push_back({{"lr_scale", group.lr_scale},
                                  {"weight_decay", group.weight_decay},
                                  {"params", group.names}});
      for (const std::string& name : group.names) {
        result["of"][name] = {{"group", number},
                              {"layer_id", layer_of_parameter(name, layers)},
                              {"lr_scale", group.lr_scale},
                              {"weight_decay", group.weight_decay}};
      }
      ++number;
    }
  }
  return replay;
}

}  // namespace convmae::golden
