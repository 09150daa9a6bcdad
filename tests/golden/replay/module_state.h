#pragma once

#include <torch/nn/module.h>

#include "golden/replay/golden_file.h"
#include <functional>
#include <string>

namespace convmae::golden {

/// A state dict's entry: name, shape, type.
Json state_entry(const std::string& name, const std::vector<std::int64_t>& shape, const char* type);

/// The state dict of a module in its order: its own parameters, its statistics, its parts.
/// `after(name)` may add to the list what published files have behind a tensor.
Json state_of(const torch::nn::Module& module,
              const std::function<void(const std::string& name, Json& state)>& after = {});

/// The sizes of all parameters whose names begin so.
std::int64_t count_parameters(const torch::nn::Module& module, std::string_view prefix = "");

/// The names of those without gradient.
Json frozen_parameters(const torch::nn::Module& module);

}  // namespace convmae::golden
