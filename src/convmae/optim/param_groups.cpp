#include "convmae/optim/param_groups.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <map>
#include <system_error>
#include <utility>

namespace convmae {

void ParamGroup::add(std::string name, at::Tensor param) {
  names.push_back(std::move(name));
  params.push_back(std::move(param));
}

std::vector<ParamGroup> weight_decay_groups(const torch::nn::Module& model, double weight_decay) {
  ParamGroup plain;
  ParamGroup decaying;
  decaying.weight_decay = weight_decay;
  for (const auto& item : model.named_parameters()) {
    const std::string& name = item.key();
    const at::Tensor& param = item.value();
    if (!param.requires_grad()) continue;
    const bool is_bias = std::string_view(name).ends_with(".bias");
    ParamGroup& group = param.dim() == 1 || is_bias ? plain : decaying;
    group.add(name, param);
  }
  return {std::move(plain), std::move(decaying)};
}

std::int64_t layer_of_parameter(std::string_view name, std::int64_t num_layers) {
  const std::string_view part = name.substr(0, name.find('.'));
  const auto is_one_of = [part](std::initializer_list<std::string_view> parts) {
    return std::ranges::find(parts, part) != parts.end();
  };
  if (is_one_of({"pos_embed", "cls_token", "patch_embed", "patch_embed1", "patch_embed2",
                 "patch_embed3", "patch_embed4", "blocks1", "blocks2"})) {
    return 0;
  }
  if (is_one_of({"norm", "fc_norm", "head"})) return num_layers + 1;
  std::int64_t block = -1;
  if (is_one_of({"blocks", "blocks3"}) && part.size() < name.size()) {
    const char* const digits = name.data() + part.size() + 1;
    const char* const name_end = name.data() + name.size();
    const auto [end, error] = std::from_chars(digits, name_end, block);
    if (error != std::errc() || end == name_end || *end != '.') block = -1;
  }
  TORCH_CHECK(block >= 0 && block < num_layers, "no layer of ", num_layers,
              " blocks is known to have the parameter ", name);
  return block + 1;
}

std::vector<ParamGroup> layer_decay_groups(const torch::nn::Module& model, double weight_decay,
                                           double layer_decay, std::int64_t num_layers,
                                           const LayerRules& rules) {
  std::vector<ParamGroup> groups;
  std::map<std::pair<std::int64_t, bool>, std::size_t> group_of;
  for (const auto& item : model.named_parameters()) {
    const std::string& name = item.key();
    const at::Tensor& param = item.value();
    if (!param.requires_grad()) continue;
    const bool decays = rules.decays(name, param);
    const std::int64_t layer = rules.layer(name);
    const auto [found, is_new] = group_of.try_emplace({layer, decays}, groups.size());
    if (is_new) {
      ParamGroup group;
      group.weight_decay = decays ? weight_decay : 0;
      group.lr_scale = std::pow(layer_decay, static_cast<double>(num_layers + 1 - layer));
      groups.push_back(std::move(group));
    }
    ParamGroup& group = groups[found->second];
    group.add(name, param);
  }
  return groups;
}

std::vector<ParamGroup> layer_decay_groups(const torch::nn::Module& model, double weight_decay,
                                           double layer_decay, std::int64_t num_layers) {
  return layer_decay_groups(
      model, weight_decay, layer_decay, num_layers,
      {.layer =
           [num_layers](const std::string& name) { return layer_of_parameter(name, num_layers); },
       .decays =
           [](const std::string& name, const at::Tensor& parameter) {
             return parameter.dim() > 1 && name != "pos_embed" && name != "cls_token";
           }});
}

}  // namespace convmae
