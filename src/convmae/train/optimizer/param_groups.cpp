#include "convmae/train/optimizer/param_groups.h"

#include "convmae/model/layers.h"

#include <charconv>
#include <cmath>
#include <map>
#include <utility>

namespace convmae {
namespace {

using Caches = std::map<const at::TensorImpl*, std::shared_ptr<ops::OperandCache>>;

/// By the parameter that they keep copies of.
Caches operand_caches(const torch::nn::Module& model) {
  Caches caches;
  for (const auto& part : model.modules(/*include_self=*/false)) {
    if (const auto* const linear = dynamic_cast<const Linear*>(part.get())) {
      caches.emplace(linear->weight.unsafeGetTensorImpl(), linear->operand_cache());
    }
  }
  return caches;
}

std::shared_ptr<ops::OperandCache> cache_of(const Caches& caches, const at::Tensor& param) {
  const auto found = caches.find(param.unsafeGetTensorImpl());
  return found == caches.end() ? nullptr : found->second;
}

}  // namespace

void ParamGroup::add(std::string name, at::Tensor param, std::shared_ptr<ops::OperandCache> cache) {
  names.push_back(std::move(name));
  params.push_back(std::move(param));
  caches.push_back(std::move(cache));
}

std::vector<ParamGroup> weight_decay_groups(const torch::nn::Module& model, double weight_decay) {
  ParamGroup plain;
  ParamGroup decaying;
  decaying.weight_decay = weight_decay;
  const Caches caches = operand_caches(model);
  for (const auto& item : model.named_parameters()) {
    const std::string& name = item.key();
    const at::Tensor& param = item.value();
    if (!param.requires_grad()) continue;
    const bool is_bias = std::string_view(name).ends_with(".bias");
    ParamGroup& group = param.dim() == 1 || is_bias ? plain : decaying;
    group.add(name, param, cache_of(caches, param));
  }
  return {std::move(plain), std::move(decaying)};
}

std::int64_t layer_of_parameter(std::string_view name, std::int64_t num_layers) {
  if (name == "pos_embed" || name == "cls_token" || name.starts_with("patch_embed") ||
      name.starts_with("blocks1.") || name.starts_with("blocks2.")) {
    return 0;
  }
  for (const std::string_view stack : {"blocks3.", "blocks."}) {
    if (!name.starts_with(stack)) continue;
    std::int64_t number = 0;
    const char* const digits = name.data() + stack.size();
    std::from_chars(digits, name.data() + name.size(), number);
    return number + 1;
  }
  return num_layers + 1;
}

std::vector<ParamGroup> layer_decay_groups(const torch::nn::Module& model, double weight_decay,
                                           double layer_decay, std::int64_t num_layers) {
  std::vector<ParamGroup> groups;
  std::map<std::pair<std::int64_t, bool>, std::size_t> group_of;
  const Caches caches = operand_caches(model);
  for (const auto& item : model.named_parameters()) {
    const std::string& name = item.key();
    const at::Tensor& param = item.value();
    if (!param.requires_grad()) continue;
    const bool decays = param.dim() > 1 && name != "pos_embed" && name != "cls_token";
    const std::int64_t layer = layer_of_parameter(name, num_layers);
    const auto [found, is_new] = group_of.try_emplace({layer, decays}, groups.size());
    if (is_new) {
      ParamGroup group;
      group.weight_decay = decays ? weight_decay : 0;
      group.lr_scale = std::pow(layer_decay, static_cast<double>(num_layers + 1 - layer));
      groups.push_back(std::move(group));
    }
    ParamGroup& group = groups[found->second];
    group.add(name, param, cache_of(caches, param));
  }
  return groups;
}

}  // namespace convmae
