#include "convmae/train/param_groups.h"

#include <string_view>

namespace convmae {

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
    group.names.push_back(name);
    group.params.push_back(param);
  }
  return {std::move(plain), std::move(decaying)};
}

}  // namespace convmae
