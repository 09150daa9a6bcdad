#pragma once

#include "convmae/optim/param_groups.h"

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

/// The names under which files keep AdamW's state of the parameter NAME: these, followed by it.
inline constexpr const char* kAveragePrefix = "optimizer.exp_avg.";
inline constexpr const char* kSquarePrefix = "optimizer.exp_avg_sq.";
inline constexpr const char* kStepPrefix = "optimizer.step.";

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
};

/// What a training loop needs of an optimizer.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Moves every parameter that has a gradient, at the learning rate lr * lr_scale of its group.
  void step(double lr) { move(lr, std::nullopt); }
  /// The same if `admitted` ([] bool, on the parameters' device) is true, and nothing otherwise;
  /// the host does not wait for it.
  void step_if(const at::Tensor& admitted, double lr) { move(lr, admitted); }
  /// Everything that is remembered between steps, as `optimizer.KIND.PARAMETER`. Shares memory with
  /// the optimizer: writing into it restores a checkpoint.
  virtual std::vector<std::pair<std::string, at::Tensor>> state_tensors() const = 0;

  void zero_grad();
  const std::vector<ParamGroup>& groups() const { return groups_; }
  /// The gradients there are, in the order of the groups.
  std::vector<at::Tensor> gradients() const;

 protected:
  explicit Optimizer(std::vector<ParamGroup> groups) : groups_(std::move(groups)) {}
  Optimizer(const Optimizer&) = default;
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(const Optimizer&) = default;
  Optimizer& operator=(Optimizer&&) = default;

 private:
  /// The step; with `admitted`, that of step_if.
  virtual void move(double lr, const std::optional<at::Tensor>& admitted) = 0;

  std::vector<ParamGroup> groups_;
};

/// Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101), by the library's
/// function that reads and writes every tensor once.
class AdamW : public Optimizer {
 public:
  /// What a step remembers of one parameter.
  struct State {
    at::Tensor exp_avg;     ///< same shape as the parameter
    at::Tensor exp_avg_sq;  ///< same shape as the parameter
    at::Tensor step;        ///< [] float32: the steps that this parameter has taken
  };
  /// A parameter's state under the parameter's name.
  struct NamedState {
    std::string name;
    State state;
  };

  AdamW(std::vector<ParamGroup> groups, AdamWOptions options);

  std::vector<std::pair<std::string, at::Tensor>> state_tensors() const override;

  const AdamWOptions& options() const { return options_; }
  /// The rate that the last step had, taken or left out by step_if, before the groups' factors; 0
  /// before the first step.
  double last_lr() const { return last_lr_; }
  /// The states in the order of the groups. They share memory with the optimizer: writing into them
  /// restores a checkpoint.
  const std::vector<NamedState>& states() const { return states_; }

 private:
  void move(double lr, const std::optional<at::Tensor>& admitted) override;

  AdamWOptions options_;
  std::vector<NamedState> states_;
  double last_lr_ = 0;
};

}  // namespace convmae
