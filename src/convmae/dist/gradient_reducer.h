#pragma once

#include "convmae/dist/process_group.h"

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace c10d {
class Reducer;
}

namespace convmae {

/// Averages gradients over the processes of a group while the backward pass still runs: PyTorch's
/// Reducer, as DistributedDataParallel has it.
class GradientReducer {
 public:
  /// Parameters that want gradients, the same in every process; each must get one from every
  /// backward pass that is prepared. They and the group outlive this object.
  GradientReducer(const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                  ProcessGroup& group);
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  /// backward() of `loss`, with the gradients that earlier passes have left: what it leaves is the
  /// mean over all processes of all of that. Only the last pass of a step is to be reduced.
  void backward(const at::Tensor& loss);

 private:
  ProcessGroup& group_;
  std::unique_ptr<c10d::Reducer> reducer_;
};

}  // namespace convmae
