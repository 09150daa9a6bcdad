#pragma once

#include "convmae/optim/optimizer.h"

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

struct LarsOptions {
  double momentum = 0.9;
  double trust_coefficient = 0.001;
};

/// Layer-wise adaptive rate scaling (You et al., arXiv 1708.03888) as published for linear probes:
/// a weight's gradient, weight decay added, is scaled to the trust coefficient times the weight's
/// norm (not where either norm is zero); parameters with one dimension get neither; then momentum.
class Lars : public Optimizer {
 public:
  /// A parameter's momentum under the parameter's name.
  struct NamedState {
    std::string name;
    at::Tensor mu;  ///< same shape as the parameter
  };

  Lars(std::vector<ParamGroup> groups, LarsOptions options);

  std::vector<std::pair<std::string, at::Tensor>> state_tensors() const override;

  /// The states in the order of the groups. They share memory with the optimizer: writing into them
  /// restores a checkpoint.
  const std::vector<NamedState>& states() const { return states_; }

 private:
  void move(double lr, const std::optional<at::Tensor>& admitted) override;

  LarsOptions options_;
  std::vector<NamedState> states_;
};

}  // namespace convmae
