#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace convmae {

/// Makes `count` modules with `make(i)` and registers them in `parent` as `name`.0, `name`.1, ...
template <typename Make>
auto register_list(torch::nn::Module& parent, const std::string& name, std::int64_t count,
                   Make make) {
  auto list = parent.register_module(name, std::make_shared<torch::nn::Module>());
  std::vector<decltype(make(std::int64_t{0}))> modules;
  for (std::int64_t i = 0; i < count; ++i) {
    modules.push_back(list->register_module(std::to_string(i), make(i)));
  }
  return modules;
}

}  // namespace convmae
