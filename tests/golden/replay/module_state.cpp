#include "golden/replay/module_state.h"

#include <ATen/ATen.h>

namespace convmae::golden {
namespace {

void list_state(const torch::nn::Module& module, const std::string& prefix,
                const std::function<void(const std::string&, Json&)>& after, Json& state) {
  const auto add = [&](const auto& items) {
    for (const auto& item : items) {
      const at::Tensor& tensor = item.value();
      state.push_back(state_entry(prefix + item.key(), tensor.sizes().vec(),
                                  tensor.scalar_type() == at::kLong ? "int64" : "float32"));
      if (after) after(prefix + item.key(), state);
    }
  };
  add(module.named_parameters(/*recurse=*/false));
  add(module.named_buffers(/*recurse=*/false));
  for (const auto& child : module.named_children()) {
    list_state(*child.value(), prefix + child.key() + ".", after, state);
  }
}

}  // namespace

Json state_entry(const std::string& name, const std::vector<std::int64_t>& shape,
                 const char* type) {
  return {name, shape, type};
}

Json state_of(const torch::nn::Module& module,
              const std::function<void(const std::string&, Json&)>& after) {
  Json state = Json::array();
  list_state(module, "", after, state);
  return state;
}

std::int64_t count_parameters(const torch::nn::Module& module, std::string_view prefix) {
  std::int64_t total = 0;
  for (const auto& item : module.named_parameters()) {
    if (item.key().starts_with(prefix)) total += item.value().numel();
  }
  return total;
}

Json frozen_parameters(const torch::nn::Module& module) {
  Json names = Json::array();
  for (const auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) names.push_back(item.key());
  }
  return names;
}

}  // namespace convmae::golden
