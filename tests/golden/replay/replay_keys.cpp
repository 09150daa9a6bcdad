#include "convmae/model/named_tensors.h"
#include "convmae/optim/param_groups.h"

#include "golden/replay/module_state.h"
#include "golden/replay/replays.h"
#include <map>
#include <set>
#include <string>

namespace convmae::golden {
namespace {

struct Described {
  Method method = Method::convmae;
  ModelConfig model;
  bool pretraining = false;
  ClassifierHead head = ClassifierHead::linear;
  Pool pool = Pool::mean;
};

/// "convvit_base_patch16 (linprobe, global_pool=True)"
Described described(const std::string& title) {
  const auto says = [&](const char* part) { return title.find(part) != std::string::npos; };
  Described model;
  if (title.starts_with("mae_") || title.starts_with("vit_")) model.method = Method::mae;
  if (title.starts_with("fastconvmae_")) model.method = Method::fastconvmae;
  model.model = model_preset("base", model.method);
  model.pretraining = says("pretrain");
  if (says("linprobe")) model.head = ClassifierHead::probe;
  if (says("global_pool=False")) model.pool = Pool::token;
  return model;
}

std::set<std::string> names_of(const torch::nn::Module& module) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : named_tensors(module)) names.insert(name);
  return names;
}

/// Names of `state`, in its order, that are not among `names`.
Json without(const Json& state, const std::set<std::string>& names) {
  Json rest = Json::array();
  for (const Json& entry : state) {
    if (!names.contains(entry[0].get<std::string>())) rest.push_back(entry[0]);
  }
  return rest;
}

}  // namespace

Replay replay_model_keys(const Json& golden) {
  constexpr double kWeightDecay = 0.05;
  Replay replay;
  replay.numbers = Json::object();
  std::map<Method, std::shared_ptr<PretrainModel>> pretrained;
  const auto pretrain_model = [&](const Described& described) {
    auto& model = pretrained[described.method];
    if (!model) model = make_pretrain_model(described.model);
    return model;
  };
  for (const auto& [title, expected] : golden.items()) {
    const Described model = described(title);
    std::shared_ptr<torch::nn::Module> module = pretrain_model(model);
    if (!model.pretraining) {
      module = std::make_shared<Classifier>(ClassifierConfig{.encoder = model.model.encoder,
                                                             .pool = model.pool,
                                                             .head = model.head,
                                                             .num_classes = 1000});
    }
    Json& ours = (*replay.numbers)[title];
    ours["params_total"] = count_parameters(*module);
    ours["frozen"] = frozen_parameters(*module);
    std::int64_t trainable = 0;
    for (const at::Tensor& parameter : module->parameters()) {
      if (parameter.requires_grad()) trainable += parameter.numel();
    }
    ours["params_trainable"] = trainable;
    ours["state_dict"] = state_of(*module);
    if (model.pretraining && model.method == Method::convmae) {
      for (const ParamGroup& group : weight_decay_groups(*module, kWeightDecay)) {
        ours[group.weight_decay > 0 ? "decay" : "no_decay"] = group.names;
      }
    }
    if (!model.pretraining && model.method == Method::convmae &&
        model.head == ClassifierHead::linear) {
      const auto source = pretrain_model(model);
      ours["load_from_pretrain"] = {{"missing", without(ours["state_dict"], names_of(*source))},
                                    {"unexpected", without(state_of(*source), names_of(*module))}};
    }
  }
  return replay;
}

}  // namespace convmae::golden
